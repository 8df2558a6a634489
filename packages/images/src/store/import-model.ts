import { InputError } from '@flux-srpo/core';
import { convertPipeline, FLUX_SRPO_INFO, foreseeConversion, parseBundleInfo } from '@flux-srpo/export';
import type { ImportForecast, ImportInput, ImportMessage, StoredModel } from './import-protocol.ts';
import { folderSource, importSource } from './import-source.ts';
import { folderBytes, hasRoom, opfsSink } from './opfs-sink.ts';
import { alone, checkId, find, isComplete, openRoot, storedModelUrl } from './stored-models.ts';

/** A checkpoint in, a model of the storage out. Only in a dedicated worker, which may be terminated at any moment. */
export async function importModel(input: ImportInput, post: (message: ImportMessage) => void): Promise<StoredModel> {
  const { id, info } = identify(input);
  const source = await importSource(input);
  return await alone(id, async () => {
    const root = await openRoot();
    await findUnfinished(root, id);
    const { manifest, bytes } = await convertPipeline(source, await opfsSink(root, id), {
      dtype: input.dtype,
      info,
      safetyChecker: input.safetyChecker && folderSource(input.safetyChecker, input.token),
      onProgress: (progress) => post({ type: 'progress', progress }),
      onNotice: (notice) => post({ type: 'notice', notice }),
    });
    return { id, url: storedModelUrl(id), state: 'complete', bytes, model: manifest.model, name: manifest.name };
  });
}

/** What `importModel` would do; writes nothing that stays. */
export async function foreseeImport(input: ImportInput): Promise<ImportForecast> {
  const { id, info } = identify(input);
  const source = await importSource(input);
  const root = await openRoot();
  const unfinished = await findUnfinished(root, id);
  const found = unfinished === undefined ? 0 : await folderBytes(unfinished);
  const checker = input.safetyChecker && folderSource(input.safetyChecker, input.token);
  const forecast = await foreseeConversion(source, input.dtype, checker);
  const fits = await hasRoom(root, Math.max(0, forecast.bytes - found));
  return { id, url: storedModelUrl(id), model: info.model, name: info.name, ...forecast, found, fits };
}

function identify(input: ImportInput) {
  const info = input.info === undefined ? FLUX_SRPO_INFO : parseBundleInfo(input.info);
  return { id: checkId(input.id ?? info.model), info };
}

/** The folder of an interrupted import. A complete model of that id is refused. */
async function findUnfinished(
  root: FileSystemDirectoryHandle,
  id: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  const existing = await find(root.getDirectoryHandle(id));
  if (existing === undefined || !(await isComplete(existing))) return existing;
  throw new InputError(`there is a model ${storedModelUrl(id)}; remove it first, or give another id`, {
    code: 'input/conflict',
    details: { id },
  });
}
