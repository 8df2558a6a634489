import { StorageError } from '@flux-srpo/core';
import { blobSource } from '@flux-srpo/formats';
import { type BundleFiles, fileMissing } from '@flux-srpo/runtime/bundle';
import { findFile } from './opfs/opfs-files.ts';
import { isHandle, type PickedFolder } from './picked-folder.ts';

/** The files of a picked folder. They are verified as they are read, like those of any bundle. */
export function pickedBundle(name: string, folder: PickedFolder): BundleFiles {
  return { name, open: async (path) => blobSource(await pickedFile(name, folder, path), path) };
}

async function pickedFile(name: string, folder: PickedFolder, path: string): Promise<File> {
  const file = isHandle(folder) ? await readAllowed(name, folder, path) : folder.get(path);
  if (file !== undefined) return file;
  throw fileMissing(name, path, { advice: 'choose the folder of the whole bundle' });
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
