import { InputError, isFluxError, ModelError, StorageError } from '@flux-srpo/core';

/**
 * Models in the origin private file system: a folder each, `flux-srpo/<id>`, a bundle with a journal beside its files until it is complete.
 * A folder with a journal is never loaded, whatever else is in it.
 */

const SCHEME = 'opfs:';
const ROOT = 'flux-srpo';
export const JOURNAL = 'journal';
const ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

/** The id in `opfs:<id>`; undefined for other addresses. */
export function storedModelId(model: string): string | undefined {
  return model.startsWith(SCHEME) ? checkId(model.slice(SCHEME.length)) : undefined;
}

export function storedModelUrl(id: string): string {
  return `${SCHEME}${id}`;
}

export function checkId(id: string): string {
  if (ID.test(id)) return id;
  throw new InputError(`a stored model's id must be 1 to 64 of A-Z a-z 0-9 . _ -, got "${String(id).slice(0, 80)}"`, {
    code: 'input/type',
    details: { field: 'id' },
  });
}

/** The folder of all models. */
export async function openRoot(): Promise<FileSystemDirectoryHandle> {
  // Old browsers and pages without TLS have none; private windows may refuse.
  if (globalThis.navigator?.storage?.getDirectory === undefined)
    throw unavailable('this browser has no file system for pages');
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
  } catch (cause) {
    throw unavailable('the browser refuses its file system to this page, as private windows may', cause);
  }
}

/** The folder of a complete model. */
export async function openStored(id: string): Promise<FileSystemDirectoryHandle> {
  const folder = await find((await openRoot()).getDirectoryHandle(id));
  if (folder === undefined) {
    throw new ModelError(`there is no model ${storedModelUrl(id)}; import it first`, {
      code: 'model/not-found',
      details: { id },
    });
  }
  if (await isComplete(folder)) return folder;
  throw new ModelError(
    `the model ${storedModelUrl(id)} is not complete; import it again, which goes on where it stopped`,
    {
      code: 'model/not-found',
      details: { id },
    },
  );
}

export async function isComplete(folder: FileSystemDirectoryHandle): Promise<boolean> {
  return (
    (await find(folder.getFileHandle('manifest.json'))) !== undefined &&
    (await find(folder.getFileHandle(JOURNAL))) === undefined
  );
}

/** A file by its path of one or two segments; undefined where there is none. */
export async function findFile(folder: FileSystemDirectoryHandle, path: string): Promise<File | undefined> {
  const segments = path.split('/');
  const name = segments.pop()!;
  let parent: FileSystemDirectoryHandle | undefined = folder;
  for (const segment of segments) parent = parent && (await find(parent.getDirectoryHandle(segment)));
  return await (parent && (await find(parent.getFileHandle(name))))?.getFile();
}

/** The handle, or undefined where there is none; other failures are errors. */
export async function find<T>(handle: Promise<T>): Promise<T | undefined> {
  try {
    return await handle;
  } catch (cause) {
    if ((cause as DOMException).name === 'NotFoundError') return undefined;
    throw unavailable(`the browser's file system failed: ${(cause as Error).message}`, cause);
  }
}

/** Those who load a model share its lock; whoever writes or removes it has it alone. */
function lockName(id: string): string {
  return `${ROOT}:${id}`;
}

/** Longest wait for a lock that a worker stopped a moment ago still has. */
const LOCK_WAIT_MS = 3_000;

/** Runs `work` while no other tab writes, removes or loads the model; an error where one does. */
export async function alone<T>(id: string, work: () => Promise<T>): Promise<T> {
  const patience = AbortSignal.timeout(LOCK_WAIT_MS);
  let isMine = false;
  try {
    return await navigator.locks.request(lockName(id), { signal: patience }, async () => {
      isMine = true;
      return await work();
    });
  } catch (error) {
    if (isMine || isFluxError(error) || !patience.aborted) throw error;
    throw inUse(id);
  }
}

/** Keeps others from changing the model until the returned function is called, or this tab or worker is gone. */
export async function share(id: string): Promise<() => void> {
  return await new Promise((resolve, reject) => {
    const held = navigator.locks.request(lockName(id), { mode: 'shared', ifAvailable: true }, async (lock) => {
      if (lock === null) return reject(inUse(id));
      await new Promise<void>((release) => resolve(release));
    });
    held.catch(reject);
  });
}

function inUse(id: string): InputError {
  return new InputError(
    `the model ${storedModelUrl(id)} is in use here or in another tab; wait for it or unload it there`,
    {
      code: 'input/conflict',
      details: { id },
    },
  );
}

function unavailable(what: string, cause?: unknown): StorageError {
  return new StorageError(`models cannot be kept here: ${what}`, { code: 'storage/unavailable', cause });
}
