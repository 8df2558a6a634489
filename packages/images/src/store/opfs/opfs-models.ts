import { InputError, ModelError, StorageError } from '@flux-srpo/core';
import { findFile, findFolder } from './opfs-files.ts';

/*
 * Where imported models are: each is a bundle in the folder `flux-srpo/<id>` of the origin private
 * file system. OPFS cannot rename folders, so a bundle counts as complete once its journal is
 * deleted. A folder with a journal is never loaded.
 */

const SCHEME = 'opfs:';
const MODELS = 'flux-srpo';
export const JOURNAL = 'journal';
const ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;

/** The id in `opfs:<id>`; undefined for other addresses. */
export function opfsModelId(url: string): string | undefined {
  return url.startsWith(SCHEME) ? checkModelId(url.slice(SCHEME.length)) : undefined;
}

export function opfsUrl(id: string): string {
  return `${SCHEME}${id}`;
}

export function checkModelId(id: string): string {
  if (ID.test(id)) return id;
  throw new InputError(`a stored model's id must be 1 to 64 of A-Z a-z 0-9 . _ -, got "${String(id).slice(0, 80)}"`, {
    code: 'input/type',
    details: { field: 'id' },
  });
}

/** The folder of all models. `storage/unavailable` without OPFS: HTTP, private windows. */
export async function openModelsFolder(): Promise<FileSystemDirectoryHandle> {
  const fail = (what: string, cause?: unknown): never => {
    throw new StorageError(`models cannot be stored here: ${what}`, { code: 'storage/unavailable', cause });
  };
  if (globalThis.navigator?.storage?.getDirectory === undefined) fail('this browser has no file system for pages');
  try {
    return await (await navigator.storage.getDirectory()).getDirectoryHandle(MODELS, { create: true });
  } catch (cause) {
    return fail('the browser denies this page its file system, as private windows may', cause);
  }
}

/** The folder of a complete model. */
export async function openModelFolder(id: string): Promise<FileSystemDirectoryHandle> {
  const folder = await findFolder(await openModelsFolder(), id);
  if (folder !== undefined && (await isComplete(folder))) return folder;
  throw new ModelError(
    folder === undefined
      ? `there is no model ${opfsUrl(id)}; import it first`
      : `the model ${opfsUrl(id)} is not complete; import it again, which continues where it stopped`,
    { code: 'model/not-found', details: { id } },
  );
}

export async function isComplete(folder: FileSystemDirectoryHandle): Promise<boolean> {
  return (await findFile(folder, 'manifest.json')) !== undefined && (await findFile(folder, JOURNAL)) === undefined;
}
