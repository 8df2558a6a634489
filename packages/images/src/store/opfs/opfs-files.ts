import { StorageError } from '@flux-srpo/core';

/** Reading in the origin private file system. What another tab removes is not there. */

/** As the platform's types do not have it: `kind` tells the two apart. */
export type OpfsHandle = FileSystemDirectoryHandle | FileSystemFileHandle;

/** The folder in `parent`, or undefined where there is none. */
export function findFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  return unlessMissing(parent.getDirectoryHandle(name));
}

/** A file by its path of one or two segments; undefined where there is none. */
export async function findFile(folder: FileSystemDirectoryHandle, path: string): Promise<File | undefined> {
  const [name, directory] = path.split('/').reverse() as [string, string?];
  const parent = directory === undefined ? folder : await findFolder(folder, directory);
  const handle = parent && (await unlessMissing(parent.getFileHandle(name)));
  return handle && (await unlessMissing(handle.getFile()));
}

/** Everything in a folder. Collected first, because callers remove what they are given. */
export async function entriesOf(folder: FileSystemDirectoryHandle): Promise<[name: string, handle: OpfsHandle][]> {
  const entries: [string, OpfsHandle][] = [];
  for await (const [name, handle] of folder.entries()) entries.push([name, handle as OpfsHandle]);
  return entries;
}

/** Bytes of a file, or of all files in a folder and its folders. */
export async function bytesOf(handle: OpfsHandle): Promise<number> {
  if (handle.kind === 'file') return (await unlessMissing(handle.getFile()))?.size ?? 0;
  let bytes = 0;
  for (const [, inside] of (await unlessMissing(entriesOf(handle))) ?? []) bytes += await bytesOf(inside);
  return bytes;
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
