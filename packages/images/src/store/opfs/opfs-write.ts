import { formatBytes, isFluxError, retry, StorageError } from '@flux-srpo/core';
import { alone } from '../alone.ts';
import type { SyncAccess, SyncFile } from './opfs-files.ts';

/** Writing in the origin private file system, synchronously: only dedicated workers can. */

/** Milliseconds before each further try: a worker just stopped may still have the file. */
const DELAYS = [20, 100, 500, 2_000];

/** A file that is open elsewhere, and a folder in which one was made while it was removed. */
const IN_USE: readonly string[] = ['NoModificationAllowedError', 'InvalidModificationError'];

/** Does what another tab's use of a file or folder forbids for the moment. */
export function whenUnused<T>(act: () => Promise<T>): Promise<T> {
  return retry(act, {
    pauseAfter: (error, tries) => (IN_USE.includes((error as DOMException).name) ? DELAYS[tries - 1] : undefined),
  });
}

export async function openForWriting(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<{ file: SyncFile; access: SyncAccess }> {
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  return { file, access: await whenUnused(() => file.createSyncAccessHandle()) };
}

/** Writes all of `bytes`. Some browsers do not throw, but take fewer or answer nonsense. */
export function writeAll(access: SyncAccess, bytes: Uint8Array, at: number, path: string): void {
  const taken = access.write(bytes, { at });
  if (taken !== bytes.length) throw storageFull(path, { expected: bytes.length, got: taken });
}

/**
 * Writes a file whole or not at all, in place of one that is there: under a name of its own first,
 * so that no other tab is in the way, not even one that was frozen while it wrote the same. It is
 * not flushed: what a power cut takes is found by its hash.
 */
export function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  return withStorageErrors(name, async () => {
    const temporary = `${name} ${crypto.randomUUID()}`;
    const { file, access } = await openForWriting(folder, temporary);
    try {
      try {
        writeAll(access, bytes, 0, name);
      } finally {
        access.close();
      }
      await file.move(name);
    } catch (error) {
      await folder.removeEntry(temporary).catch(() => undefined);
      throw error;
    }
  });
}

/** How names of files begin that `hasRoom` makes. No model has one: no id has a blank. */
export const ROOM_CHECK = 'room check';

/**
 * Whether so many bytes more fit: makes a file of that length and removes it at once. The browser's
 * estimate is not used, because browsers round it, and some answer with a constant. One tab or
 * worker at a time: the file of one would be taken from under the other.
 */
export async function hasRoom(folder: FileSystemDirectoryHandle, bytes: number): Promise<boolean> {
  return await alone(`flux-srpo ${ROOM_CHECK}`, () => tryRoom(folder, `${ROOM_CHECK} ${crypto.randomUUID()}`, bytes));
}

async function tryRoom(folder: FileSystemDirectoryHandle, name: string, bytes: number): Promise<boolean> {
  const { access } = await withStorageErrors(name, () => openForWriting(folder, name));
  try {
    access.truncate(bytes);
    // Above the quota, browsers throw, or leave the file as short as it was.
    return access.getSize() === bytes;
  } catch {
    return false;
  } finally {
    // Shortened first, in case that the worker is stopped before the file is removed.
    access.truncate(0);
    access.close();
    await folder.removeEntry(name).catch(() => undefined);
  }
}

/** Turns the browser's failures to write `what` into errors of this library. */
export async function withStorageErrors<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (isFluxError(cause)) throw cause;
    if ((cause as DOMException).name === 'QuotaExceededError') throw storageFull(what, {}, cause);
    throw new StorageError(`${what} could not be written to the browser's storage: ${(cause as Error).message}`, {
      code: 'storage/write-failed',
      details: { what, reason: (cause as Error).name },
      cause,
    });
  }
}

export function storageFull(what: string, details: Record<string, unknown>, cause?: unknown): StorageError {
  const needed = typeof details.needed === 'number' ? `; ${formatBytes(details.needed)} more are needed` : '';
  return new StorageError(
    `${what}: the browser's storage for this page is full${needed}; remove other models, or leave a private window`,
    { code: 'storage/quota-exceeded', details: { what, ...details }, cause },
  );
}
