import { StorageError } from '@flux-srpo/core';
import type { Bytes } from '@flux-srpo/formats';

/** Reading in the origin private file system. What another tab removes is not there. */

/** As the platform's types do not have it: `kind` tells the two apart. */
export type OpfsHandle = FileSystemDirectoryHandle | FileSystemFileHandle;

/** TypeScript has these in its library for workers, which excludes the one for pages. */
export interface SyncAccess {
  getSize(): number;
  truncate(size: number): void;
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}

/** What only dedicated workers can do with a file. */
export interface SyncFile extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode: 'read-only' }): Promise<SyncAccess>;
  /** Renames it, in one step. */
  move(name: string): Promise<void>;
}

/** The folder in `parent`, or undefined where there is none. */
export function findFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  return unlessMissing(parent.getDirectoryHandle(name));
}

/** A file by its path of one or two segments; undefined where there is none. */
export async function findHandle(
  folder: FileSystemDirectoryHandle,
  path: string,
): Promise<FileSystemFileHandle | undefined> {
  const [name, directory] = path.split('/').reverse() as [string, string?];
  const parent = directory === undefined ? folder : await findFolder(folder, directory);
  return parent && (await unlessMissing(parent.getFileHandle(name)));
}

/** The same, as it is now. */
export async function findFile(folder: FileSystemDirectoryHandle, path: string): Promise<File | undefined> {
  const handle = await findHandle(folder, path);
  return handle && (await unlessMissing(handle.getFile()));
}

/**
 * Bytes of a file: `length`, or fewer where it ends before. In a worker through a handle, which
 * takes a tenth of a blob's time. In browsers that give one handle at a time, a second reader takes
 * the blob.
 *
 * @param into memory to put them in, of `length` bytes or more
 */
export async function readFile(
  file: FileSystemFileHandle,
  offset: number,
  length: number,
  into?: ArrayBuffer,
): Promise<Bytes> {
  const access = await (file as Partial<SyncFile>).createSyncAccessHandle?.({ mode: 'read-only' }).catch(() => null);
  if (!access) return new Uint8Array(await (await file.getFile()).slice(offset, offset + length).arrayBuffer());
  try {
    const bytes = new Uint8Array(into ?? new ArrayBuffer(Math.min(length, access.getSize())), 0);
    return bytes.subarray(0, access.read(bytes.subarray(0, length), { at: offset }));
  } finally {
    access.close();
  }
}

/** Everything in a folder. Collected first, because callers remove what they are given. */
export async function entriesOf(folder: FileSystemDirectoryHandle): Promise<[name: string, handle: OpfsHandle][]> {
  const collect = async () => {
    const entries: [string, OpfsHandle][] = [];
    for await (const [name, handle] of folder.entries()) entries.push([name, handle as OpfsHandle]);
    return entries;
  };
  return (await unlessMissing(collect())) ?? [];
}

/** Path → bytes of every file in a folder and its folders. */
export async function filesOf(folder: FileSystemDirectoryHandle, below = ''): Promise<Map<string, number>> {
  const found = (await entriesOf(folder)).map(async ([name, handle]): Promise<[string, number][]> => {
    if (handle.kind === 'directory') return [...(await filesOf(handle, `${below}${name}/`))];
    const file = await unlessMissing(handle.getFile());
    return file === undefined ? [] : [[below + name, file.size]];
  });
  return new Map((await Promise.all(found)).flat());
}

/** Bytes of all files in a folder and its folders. */
export async function bytesOf(folder: FileSystemDirectoryHandle): Promise<number> {
  return sum(await filesOf(folder));
}

/** Bytes of all files, which are given by path. */
export function sum(files: ReadonlyMap<string, number>): number {
  return [...files.values()].reduce((total, bytes) => total + bytes, 0);
}

/** The result; undefined where there is no such file or folder. Other failures are errors. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (cause) {
    if ((cause as DOMException).name === 'NotFoundError') return undefined;
    throw new StorageError(`the browser's file system failed: ${(cause as Error).message}`, {
      code: 'storage/unavailable',
      details: { reason: (cause as Error).name },
      cause,
    });
  }
}
