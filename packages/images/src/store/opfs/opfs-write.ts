import { formatBytes, isFluxError, retry, StorageError } from '@flux-srpo/core';

/** Writing in the origin private file system, synchronously: only dedicated workers can. */

/** TypeScript has these in its library for workers, which excludes the one for pages. */
export interface SyncAccess {
  getSize(): number;
  truncate(size: number): void;
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type SyncFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

/** Milliseconds before each further try: a worker just stopped may still have the file. */
const DELAYS = [20, 100, 500, 2_000];

export async function openForWriting(folder: FileSystemDirectoryHandle, name: string): Promise<SyncAccess> {
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  return retry(() => file.createSyncAccessHandle(), {
    pauseAfter: (error, tries) =>
      (error as DOMException).name === 'NoModificationAllowedError' ? DELAYS[tries - 1] : undefined,
  });
}

/** Writes all of `bytes`. Some browsers do not throw, but take fewer or answer nonsense. */
export function writeAll(access: SyncAccess, bytes: Uint8Array, at: number, path: string): void {
  const taken = access.write(bytes, { at });
  if (taken !== bytes.length) throw storageFull(path, { expected: bytes.length, got: taken });
}

/** Name of the file that `hasRoom` makes. No model can have it: the blank is not allowed in ids. */
export const ROOM_CHECK = 'room check';

/**
 * Whether so many bytes more fit: makes a file of that length and removes it at once. The browser's
 * estimate is not used, because browsers round it, and some answer with a constant. One tab or
 * worker at a time: the file of one would be taken from under the other.
 */
export async function hasRoom(folder: FileSystemDirectoryHandle, bytes: number): Promise<boolean> {
  return await navigator.locks.request('flux-srpo room check', () => tryRoom(folder, bytes));
}

async function tryRoom(folder: FileSystemDirectoryHandle, bytes: number): Promise<boolean> {
  const access = await withStorageErrors(ROOM_CHECK, () => openForWriting(folder, ROOM_CHECK));
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
    await folder.removeEntry(ROOM_CHECK).catch(() => undefined);
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
