import { isFluxError, StorageError } from '@flux-srpo/core';
import type { ResumableSink } from '@flux-srpo/export';
import { blobSource } from '@flux-srpo/formats';
import { findFile, JOURNAL } from './stored-models.ts';

/** TypeScript has these in its library for workers, which excludes the one for pages. */
interface SyncAccess {
  getSize(): number;
  truncate(size: number): void;
  read(buffer: Uint8Array, options: { at: number }): number;
  write(buffer: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type SyncFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

/** For asking whether there is room; no part of a bundle. */
const RESERVE = 'reserve';

/**
 * A bundle in a folder of the origin private file system. Folders cannot be renamed there: it is the journal's going that makes a bundle
 * of the files. Only in dedicated workers, which alone can write in place; what a handle has taken is kept even if the tab dies.
 */
export async function opfsSink(parent: FileSystemDirectoryHandle, name: string): Promise<ResumableSink> {
  const folder = await guard(name, () => parent.getDirectoryHandle(name, { create: true }));
  // Made before any other file, so that nothing here can be taken for complete.
  const journal = await guard(name, () => openAccess(folder, JOURNAL));

  async function retain(paths: ReadonlySet<string>): Promise<void> {
    for (const [entry, handle] of await entriesOf(folder)) {
      if (handle.kind === 'file') {
        if (entry !== JOURNAL && !paths.has(entry)) await folder.removeEntry(entry);
        continue;
      }
      const inside = await entriesOf(handle as FileSystemDirectoryHandle);
      const stray = inside.filter(([file]) => !paths.has(`${entry}/${file}`));
      if (stray.length === inside.length) await folder.removeEntry(entry, { recursive: true });
      else
        for (const [file] of stray) await (handle as FileSystemDirectoryHandle).removeEntry(file, { recursive: true });
    }
  }

  return {
    async create(path) {
      const [file, directory] = path.split('/').reverse() as [string, string?];
      const target =
        directory === undefined
          ? folder
          : await guard(path, () => folder.getDirectoryHandle(directory, { create: true }));
      const access = await guard(path, () => openAccess(target, file));
      access.truncate(0);
      let at = 0;
      return {
        write: (bytes) =>
          guard(path, async () => {
            writeAll(access, bytes, at, path);
            at += bytes.length;
          }),
        close: () =>
          guard(path, async () => {
            try {
              access.flush();
            } finally {
              access.close();
            }
          }),
      };
    },
    async commit(paths) {
      await guard(name, () => retain(paths));
      journal.close();
      await guard(name, () => folder.removeEntry(JOURNAL));
    },
    async abort() {
      journal.close();
      await guard(name, () => parent.removeEntry(name, { recursive: true }));
    },
    journal: {
      async read() {
        const bytes = new Uint8Array(journal.getSize());
        journal.read(bytes, { at: 0 });
        return new TextDecoder().decode(bytes);
      },
      replace: (text) =>
        guard(name, async () => {
          // Not at once, as asked: what a crash leaves here is a journal without a whole first line, which only costs the work.
          journal.truncate(0);
          writeAll(journal, new TextEncoder().encode(text), 0, name);
          journal.flush();
        }),
      append: (text) =>
        guard(name, async () => {
          writeAll(journal, new TextEncoder().encode(text), journal.getSize(), name);
          journal.flush();
        }),
    },
    async reserve(bytes) {
      const missing = Math.max(0, bytes - (await folderBytes(folder)));
      if (!(await hasRoom(folder, missing))) throw full(name, { needed: missing });
    },
    async reopen(path) {
      const file = await findFile(folder, path);
      return file && blobSource(file, path);
    },
    retain: (paths) => guard(name, () => retain(paths)),
    async suspend() {
      journal.close();
    },
  };
}

/**
 * Whether so many bytes more fit, by a file of that length which is given back at once. An estimate says little: browsers round it, and
 * some answer with a constant.
 */
export async function hasRoom(folder: FileSystemDirectoryHandle, bytes: number): Promise<boolean> {
  const access = await guard(RESERVE, () => openAccess(folder, RESERVE));
  try {
    access.truncate(bytes);
    // Refused where the quota is smaller, or silently not made.
    return access.getSize() === bytes;
  } catch {
    return false;
  } finally {
    // At once, in case that the worker is stopped before the file is gone.
    access.truncate(0);
    access.close();
    await folder.removeEntry(RESERVE);
  }
}

/** Bytes of all files in a folder and its folders. */
export async function folderBytes(folder: FileSystemDirectoryHandle): Promise<number> {
  let bytes = 0;
  for (const [, handle] of await entriesOf(folder)) {
    if (handle.kind === 'directory') bytes += await folderBytes(handle as FileSystemDirectoryHandle);
    else bytes += (await (handle as FileSystemFileHandle).getFile()).size;
  }
  return bytes;
}

/** Listed before any is removed. */
async function entriesOf(folder: FileSystemDirectoryHandle): Promise<[string, FileSystemHandle][]> {
  const entries: [string, FileSystemHandle][] = [];
  for await (const entry of folder.entries()) entries.push(entry);
  return entries;
}

/** Milliseconds before each further try. A worker that was stopped a moment ago may still have the file. */
const DELAYS = [20, 100, 500, 2_000];

async function openAccess(folder: FileSystemDirectoryHandle, name: string): Promise<SyncAccess> {
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  for (let tried = 0; ; tried++) {
    try {
      return await file.createSyncAccessHandle();
    } catch (error) {
      const delay = DELAYS[tried];
      if ((error as DOMException).name !== 'NoModificationAllowedError' || delay === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Some browsers take fewer bytes than they were given, or answer with a number that is no count, where others throw. */
function writeAll(access: SyncAccess, bytes: Uint8Array, at: number, path: string): void {
  const taken = access.write(bytes, { at });
  if (taken !== bytes.length) throw full(path, { expected: bytes.length, got: taken });
}

/** The browser's failures as ours. */
async function guard<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (isFluxError(cause)) throw cause;
    if ((cause as DOMException).name === 'QuotaExceededError') throw full(what, {}, cause);
    throw new StorageError(`${what} could not be written to the browser's storage: ${(cause as Error).message}`, {
      code: 'storage/write-failed',
      details: { what, reason: (cause as Error).name },
      cause,
    });
  }
}

function full(what: string, details: Record<string, unknown>, cause?: unknown): StorageError {
  const needed = typeof details.needed === 'number' ? `; ${Math.ceil(details.needed / 1e6)} MB more are needed` : '';
  return new StorageError(
    `${what}: the browser's storage for this page is full${needed}; remove other models, or leave a private window`,
    { code: 'storage/quota-exceeded', details: { what, ...details }, cause },
  );
}
