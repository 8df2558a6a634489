import { isFluxError, ModelError, toWireError } from '@flux-srpo/core';
import { withModelAlone } from '../model-lock.ts';
import type { StoredModel } from '../model-storage.ts';
import { readStoredManifest } from '../read-stored-manifest.ts';
import { bytesOf, entriesOf, findFile, type OpfsHandle, unlessMissing } from './opfs-files.ts';
import { checkModelId, isComplete, openModelsFolder, opfsUrl } from './opfs-models.ts';
import { ROOM_CHECK } from './opfs-write.ts';

/** Everything in the folder of imported models; what is no model is listed as unreadable. */
export async function listImportedModels(): Promise<StoredModel[]> {
  const models = await openModelsFolder().catch((error: unknown) => {
    // Nothing can have been imported where the browser has no such storage.
    if (isFluxError(error, 'storage/unavailable')) return undefined;
    throw error;
  });
  if (models === undefined) return [];
  // Left by a check that was cut off. While a check runs, the browser refuses, and the check
  // removes the file itself.
  await models.removeEntry(ROOM_CHECK).catch(() => undefined);
  return await Promise.all((await entriesOf(models)).map(([id, handle]) => describe(id, handle)));
}

async function describe(id: string, handle: OpfsHandle): Promise<StoredModel> {
  const entry = { id, kind: 'imported', url: opfsUrl(id) } as const;
  let bytes = 0;
  try {
    bytes = await bytesOf(handle);
    checkModelId(id);
    if (handle.kind === 'file') {
      throw new ModelError(`${id} is a file where only folders of models should be; remove it`, {
        code: 'model/manifest-invalid',
      });
    }
    if (!(await isComplete(handle))) return { ...entry, bytes, state: 'unfinished' };
    const { model, name } = await readStoredManifest(await findFile(handle, 'manifest.json'));
    return { ...entry, bytes, state: 'complete', model, name };
  } catch (error) {
    return { ...entry, bytes, state: 'unreadable', error: toWireError(error) };
  }
}

/** Removes an entry of the list, also one whose name no model can have. */
export async function removeImportedModel(id: string): Promise<void> {
  await withModelAlone(opfsUrl(id), async () => {
    const models = await openModelsFolder();
    const handle = new Map(await entriesOf(models)).get(id);
    if (handle === undefined) {
      checkModelId(id);
      return;
    }
    // The manifest goes first, so that a removal that is cut off does not leave a folder that looks
    // complete.
    if (handle.kind === 'directory') await unlessMissing(handle.removeEntry('manifest.json', { recursive: true }));
    await unlessMissing(models.removeEntry(id, { recursive: true }));
  });
}
