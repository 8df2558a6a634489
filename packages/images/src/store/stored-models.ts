import { isFluxError, type Manifest, ModelError, manifestChunks, StorageError, toWireError } from '@flux-srpo/core';
import { withModelAlone } from './model-lock.ts';
import type { StoredModel } from './model-storage.ts';
import { olderFiles, olderModels, removeOlder } from './older-caches.ts';
import { entriesOf, filesOf, findFolder, type OpfsHandle, sum, unlessMissing } from './opfs/opfs-files.ts';
import {
  checkModelId,
  folderName,
  idOfFolder,
  isComplete,
  isKeptUrl,
  JOURNAL,
  openModelsFolder,
  parseStoredManifest,
  storedManifest,
  urlOf,
} from './opfs/opfs-models.ts';
import { ROOM_CHECK, removeStrays, whenUnused } from './opfs/opfs-write.ts';

/** What the page sees of stored models. */

/** Everything in the folder of models; what is no model is listed as unreadable. */
export async function listModels(): Promise<StoredModel[]> {
  const models = await findModelsFolder();
  const found = new Map(models && (await entriesOf(models)));
  for (const name of [...found.keys()].filter((each) => each.startsWith(ROOM_CHECK))) {
    found.delete(name);
    // Left by a check that was cut off. While a check runs, the browser refuses, and the check
    // removes the file itself.
    await models?.removeEntry(name).catch(() => undefined);
  }
  const older = (await olderModels()).filter((url) => !found.has(folderName(url)));
  const listed = await Promise.all([
    ...[...found].map(([name, handle]) => describe(idOfFolder(name), handle)),
    ...older.map(async (url) => unfinished(url, sum(await olderFiles(url)))),
  ]);
  return listed.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** What is stored under an id of the list, undefined where nothing is. */
export async function describeModel(id: string): Promise<StoredModel | undefined> {
  const folder = await findFolder(await openModelsFolder(), folderName(id));
  return folder && describe(id, folder);
}

async function describe(id: string, handle: OpfsHandle): Promise<StoredModel> {
  let bytes = 0;
  try {
    if (handle.kind === 'file') {
      bytes = (await handle.getFile()).size;
      throw new ModelError(`${id} is a file where only folders of models should be; remove it`, {
        code: 'model/manifest-invalid',
      });
    }
    if (!isKeptUrl(id) && (await isComplete(handle))) await removeStrays(handle);
    const files = await filesOf(handle);
    bytes = sum(files);
    if (!isKeptUrl(id)) checkModelId(id);
    const text = files.has(JOURNAL) ? undefined : await storedManifest(handle, id);
    if (text === undefined) return unfinished(id, bytes);
    const manifest = parseStoredManifest(text);
    const lost = filesIn(manifest, id).find(([path, size]) => files.get(path) !== size)?.[0];
    if (lost === undefined)
      return { ...entry(id, bytes), state: 'complete', model: manifest.model, name: manifest.name };
    if (isKeptUrl(id)) return unfinished(id, bytes);
    throw new ModelError(`${lost} is missing or cut short; remove the model and import it again`, {
      code: 'model/file-missing',
      details: { path: lost },
    });
  } catch (error) {
    return { ...entry(id, bytes), state: 'unreadable', error: toWireError(error) };
  }
}

function entry(id: string, bytes: number) {
  return { id, kind: isKeptUrl(id) ? 'kept' : 'imported', url: urlOf(id), bytes } as const;
}

function unfinished(id: string, bytes: number): StoredModel {
  return { ...entry(id, bytes), state: 'unfinished' };
}

/** Path and bytes of all files that a complete model has, its manifest aside. */
function filesIn(manifest: Manifest, id: string): (readonly [path: string, bytes: number])[] {
  if (!isKeptUrl(id)) return manifest.files.map(({ path, size }) => [path, size]);
  return [...manifestChunks(manifest)].map(({ sha256, bytes }) => [sha256, bytes]);
}

/** Removes an entry of the list, also one whose name no model can have. */
export async function removeModel(id: string): Promise<void> {
  await withModelAlone(urlOf(id), () => forgetModel(id));
}

/** The same for a kept model, even while it is loaded. Models of other kinds are not touched. */
export async function forgetKept(url: string): Promise<void> {
  if (isKeptUrl(url)) await forgetModel(url);
}

/** Removes what is stored of a model, even while it is loaded. A kept one is then fetched. */
export async function forgetModel(id: string): Promise<void> {
  if (isKeptUrl(id)) await removeOlder(id);
  const models = await findModelsFolder();
  if (models === undefined) return;
  const handle = new Map(await entriesOf(models)).get(folderName(id));
  if (handle === undefined) return isKeptUrl(id) ? undefined : void checkModelId(id);
  // The manifest goes first, so that a removal that is cut off does not leave a folder that looks
  // complete.
  const remove = (folder: FileSystemDirectoryHandle, name: string) =>
    unlessMissing(whenUnused(() => folder.removeEntry(name, { recursive: true })));
  if (handle.kind === 'directory') await remove(handle, 'manifest.json');
  await remove(models, folderName(id));
}

/** Undefined where the browser keeps no files: then nothing can be there. */
async function findModelsFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  return await openModelsFolder().catch((error: unknown) => {
    if (isFluxError(error, 'storage/unavailable')) return undefined;
    throw error;
  });
}

export async function estimateStorage(): Promise<{ usage: number; quota: number }> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch((cause: unknown) => {
    throw new StorageError('the browser does not say what this origin may store', {
      code: 'storage/unavailable',
      cause,
    });
  });
  return { usage, quota };
}

export async function persistStorage(): Promise<boolean> {
  // Refused where the origin is opaque.
  return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
}
