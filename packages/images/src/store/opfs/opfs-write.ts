import { formatBytes, isFluxError, retry, StorageError } from '@flux-srpo/core';
import type { ByteSink } from '@flux-srpo/formats';
import { alone } from '../alone.ts';
import { entriesOf, type SyncAccess, type SyncFile } from './opfs-files.ts';

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

/** Removes a file or folder, unless it is used elsewhere. */
export async function removeUnused(
  folder: FileSystemDirectoryHandle,
  name: string,
  options?: FileSystemRemoveOptions,
): Promise<void> {
  await folder.removeEntry(name, options).catch((error: DOMException) => {
    if (!IN_USE.includes(error.name)) throw error;
  });
}

/** Removes files that were never closed, which tabs that died have left, and those that hung. */
export async function removeStrays(folder: FileSystemDirectoryHandle): Promise<void> {
  for (const [name, handle] of await entriesOf(folder)) {
    if (handle.kind === 'directory') await removeStrays(handle);
    else if (name.includes(' ')) await removeUnused(folder, name);
  }
}

async function openForWriting(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<{ file: SyncFile; access: SyncAccess }> {
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  return { file, access: await whenUnused(() => file.createSyncAccessHandle()) };
}

/** Writes all of `bytes`. Some browsers do not throw, but take fewer or answer nonsense. */
function writeAll(access: SyncAccess, bytes: Uint8Array, at: number, path: string): void {
  const taken = access.write(bytes, { at });
  if (taken !== bytes.length) throw storageFull(path, { expected: bytes.length, got: taken });
}

/**
 * A file that is whole or not there: it is written under a name of its own, and takes the place of
 * an older one when it is closed. So no other tab is in the way, not even one that was frozen while
 * it wrote the same.
 *
 * @param path of one or two segments; the folder that it names is made
 */
export async function createFile(
  folder: FileSystemDirectoryHandle,
  path: string,
  { flush }: { flush: boolean },
): Promise<ByteSink> {
  const guard = <T>(act: () => Promise<T>) => withStorageErrors(path, act);
  const [name, directory] = path.split('/').reverse() as [string, string?];
  const temporary = `${name} ${crypto.randomUUID()}`;
  const [parent, { file, access }] = await guard(async () => {
    const made = directory === undefined ? folder : await folder.getDirectoryHandle(directory, { create: true });
    return [made, await openForWriting(made, temporary)] as const;
  });
  let at = 0;
  let isWhole = true;
  return {
    write: (bytes) =>
      guard(async () => {
        isWhole = false;
        writeAll(access, bytes, at, path);
        isWhole = true;
        at += bytes.length;
      }),
    close: () =>
      guard(async () => {
        let hasName = false;
        try {
          if (flush) access.flush();
          access.close();
          if (isWhole) await file.move(name);
          hasName = isWhole;
        } finally {
          access.close();
          if (!hasName) await parent.removeEntry(temporary).catch(() => undefined);
        }
      }),
  };
}

/** Writes a small file at once. It is not flushed: what a power cut takes is found by its hash. */
export async function writeFile(folder: FileSystemDirectoryHandle, path: string, bytes: Uint8Array): Promise<void> {
  const file = await createFile(folder, path, { flush: false });
  try {
    await file.write(bytes);
  } finally {
    await file.close();
  }
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
