import { InputError, ModelError, StorageError } from '@flux-srpo/core';
import { blobSource } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { findFile } from './opfs/opfs-files.ts';

/**
 * A bundle's folder on this machine, as the person chose it: what `showDirectoryPicker` gives, or
 * the files of an input element with `webkitdirectory`. It is read in place; nothing is copied.
 */
export type ModelFolder = FileSystemDirectoryHandle | Iterable<File>;

/** A picked folder as workers take it: its handle, or its files by their paths in the bundle. */
export type PickedFolder = FileSystemDirectoryHandle | ReadonlyMap<string, File>;

const MANIFEST = 'manifest.json';

/**
 * The folder, if this is one, and what messages call it.
 *
 * @param field the option, for errors
 */
export function readPickedFolder(value: unknown, field: string): { model: string; folder: PickedFolder } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isHandle(value)) return { model: `folder:${value.name}`, folder: value };
  if (!(Symbol.iterator in value)) return undefined;
  const files = [...(value as Iterable<File>)].map((file) => [file.webkitRelativePath || file.name, file] as const);
  const manifests = files.map(([path]) => path).filter((path) => path === MANIFEST || path.endsWith(`/${MANIFEST}`));
  // Of a bundle inside a bundle's folder, the outer one.
  const manifest = manifests.sort((a, b) => a.length - b.length)[0];
  if (manifest === undefined) {
    throw new InputError(
      `${field} must be a bundle's folder, which has a ${MANIFEST}; got ${files.length} files without one. Choose the folder that convert wrote`,
      { code: 'input/file-unsupported', details: { field } },
    );
  }
  const root = manifest.slice(0, -MANIFEST.length);
  const inside = files.filter(([path]) => path.startsWith(root));
  const name = root.split('/').at(-2) ?? 'files';
  return { model: `folder:${name}`, folder: new Map(inside.map(([path, file]) => [path.slice(root.length), file])) };
}

/** The files of a picked folder. They are verified as they are read, like those of any bundle. */
export function pickedBundle(name: string, folder: PickedFolder): BundleFiles {
  return { name, open: async (path) => blobSource(await pickedFile(name, folder, path), path) };
}

async function pickedFile(name: string, folder: PickedFolder, path: string): Promise<File> {
  const file = isHandle(folder) ? await readAllowed(name, folder, path) : folder.get(path);
  if (file !== undefined) return file;
  throw new ModelError(`${path} is missing in ${name}; choose the folder of the whole bundle`, {
    code: 'model/file-missing',
    details: { bundle: name, path },
  });
}

async function readAllowed(name: string, folder: AskedHandle, path: string): Promise<File | undefined> {
  if ((await folder.queryPermission?.({ mode: 'read' })) === 'prompt') {
    throw new StorageError(
      `the browser must allow the page to read ${name} again; call requestPermission of its handle in a click, or choose the folder again`,
      { code: 'storage/unavailable', details: { reason: 'permission' } },
    );
  }
  return findFile(folder, path);
}

/** What the platform's types lack. @see https://wicg.github.io/file-system-access/ */
interface AskedHandle extends FileSystemDirectoryHandle {
  queryPermission?(descriptor: { mode: 'read' }): Promise<PermissionState>;
}

/** By what it can do: a handle of another realm is of another class. */
function isHandle(value: object): value is FileSystemDirectoryHandle {
  return 'kind' in value && value.kind === 'directory' && 'getFileHandle' in value;
}
