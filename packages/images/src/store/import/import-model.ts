import { InputError } from '@flux-srpo/core';
import { convertPipeline, FLUX_SRPO_INFO, foreseeConversion, parseBundleInfo } from '@flux-srpo/export';
import { withModelAlone } from '../model-lock.ts';
import type { CompleteModel, ImportForecast } from '../model-storage.ts';
import { bytesOf, findFolder } from '../opfs/opfs-files.ts';
import { checkModelId, isComplete, openModelsFolder, opfsUrl } from '../opfs/opfs-models.ts';
import { opfsSink } from '../opfs/opfs-sink.ts';
import { hasRoom } from '../opfs/opfs-write.ts';
import type { ImportInput, ImportMessage } from './import-messages.ts';
import { folderSource, openSources } from './open-sources.ts';

/**
 * Converts a checkpoint into a stored model. Only in a dedicated worker, which may be terminated at
 * any moment.
 */
export async function importModel(input: ImportInput, post: (message: ImportMessage) => void): Promise<CompleteModel> {
  const { id, url, info } = identify(input);
  const source = await openSources(input);
  return await withModelAlone(url, async () => {
    const models = await openModelsFolder();
    await findUnfinished(models, id);
    const { manifest, bytes } = await convertPipeline(source, await opfsSink(models, id), {
      dtype: input.dtype,
      info,
      safetyChecker: input.safetyChecker && folderSource(input.safetyChecker, input.hub),
      onProgress: (progress) => post({ type: 'progress', progress }),
      onNotice: (notice) => post({ type: 'notice', notice }),
    });
    return { id, kind: 'imported', url, state: 'complete', bytes, model: manifest.model, name: manifest.name };
  });
}

/** What `importModel` would do. Writes nothing that stays. */
export async function foreseeImport(input: ImportInput): Promise<ImportForecast> {
  const { id, url, info } = identify(input);
  const source = await openSources(input);
  const models = await openModelsFolder();
  const unfinished = await findUnfinished(models, id);
  const found = unfinished === undefined ? 0 : await bytesOf(unfinished);
  const checker = input.safetyChecker && folderSource(input.safetyChecker, input.hub);
  const forecast = await foreseeConversion(source, input.dtype, checker);
  const fits = await hasRoom(models, Math.max(0, forecast.bytes - found));
  return { id, url, model: info.model, name: info.name, ...forecast, found, fits };
}

function identify(input: ImportInput) {
  const info = input.info === undefined ? FLUX_SRPO_INFO : parseBundleInfo(input.info);
  const id = checkModelId(input.id ?? info.model);
  return { id, url: opfsUrl(id), info };
}

/** The folder of an interrupted import. A complete model of that id is refused. */
async function findUnfinished(
  models: FileSystemDirectoryHandle,
  id: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  const existing = await findFolder(models, id);
  if (existing === undefined || !(await isComplete(existing))) return existing;
  throw new InputError(`there is a model ${opfsUrl(id)}; remove it first, or give another id`, {
    code: 'input/conflict',
    details: { id },
  });
}
