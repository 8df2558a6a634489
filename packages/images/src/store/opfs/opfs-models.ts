import {
  InputError,
  MAX_MANIFEST_BYTES,
  type Manifest,
  ModelError,
  parseManifest,
  StorageError,
} from '@flux-srpo/core';
import { type Bytes, sha256Hex } from '@flux-srpo/formats';
import { entriesOf, findFolder, findHandle, readFile } from './opfs-files.ts';

/*
 * Where models are: each has a folder in `flux-srpo` of the origin private file system.
 *
 * An imported one has the bundle's files under their own paths, in the folder `<id>`. OPFS cannot
 * rename folders, so a bundle counts as complete once its journal is deleted. A folder with a
 * journal is never loaded.
 *
 * A kept one has each chunk under its SHA-256, and the manifest under its own, in a folder that is
 * named by its address. A file gets that name once it is written, so none is half of what it says.
 */

const SCHEME = 'opfs:';
const MODELS = 'flux-srpo';
export const JOURNAL = 'journal';
const ID = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/;
const KEPT_MANIFEST = /^([0-9a-f]{64})\.json$/;

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

/** Whether an id of the list is a kept model's: an address. Names of folders never have a slash. */
export function isKeptUrl(id: string): boolean {
  return id.includes('/') && URL.canParse(id);
}

/** The folder of an entry of the list. */
export function folderName(id: string): string {
  return isKeptUrl(id) ? encodeURIComponent(id) : id;
}

/** The entry of the list that a folder of this name is. */
export function idOfFolder(name: string): string {
  try {
    const url = decodeURIComponent(name);
    return isKeptUrl(url) ? url : name;
  } catch {
    return name;
  }
}

/** The address of an entry of the list, as a client takes it. */
export function urlOf(id: string): string {
  return isKeptUrl(id) ? id : opfsUrl(id);
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
  return (await findHandle(folder, 'manifest.json')) !== undefined && (await findHandle(folder, JOURNAL)) === undefined;
}

/**
 * The bytes of a model's manifest, no more than the longest one has. Undefined where there is none;
 * of a kept model, also where it has changed.
 */
export async function storedManifest(folder: FileSystemDirectoryHandle, id: string): Promise<Bytes | undefined> {
  const read = (file: FileSystemFileHandle): Promise<Bytes> => readFile(file, 0, MAX_MANIFEST_BYTES + 1);
  if (!isKeptUrl(id)) {
    const file = await findHandle(folder, 'manifest.json');
    return file && read(file);
  }
  for (const [name] of await entriesOf(folder)) {
    const sha256 = KEPT_MANIFEST.exec(name)?.[1];
    const file = sha256 === undefined ? undefined : await findHandle(folder, name);
    const bytes = file && (await read(file));
    if (bytes !== undefined && (await sha256Hex(bytes)) === sha256) return bytes;
  }
  return undefined;
}

/** The manifest of these bytes, which were stored. */
export function parseStoredManifest(bytes: Uint8Array | undefined): Manifest {
  if (bytes !== undefined) return parseManifest(new TextDecoder().decode(bytes));
  throw new ModelError('manifest.json is missing; fetch the model again, or remove what is stored of it', {
    code: 'model/file-missing',
    details: { path: 'manifest.json' },
  });
}
