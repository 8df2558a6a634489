import { InputError } from '@flux-srpo/core';
import {
  type ConvertNotice,
  type ConvertProgress,
  completeInfo,
  convertPipeline,
  measureRate,
} from '@flux-srpo/export';
import { type Alone, alone } from '../alone.ts';
import { withModelAlone } from '../model-lock.ts';
import type { CompleteModel, ImportForecast } from '../model-storage.ts';
import { bytesOf, findFolder } from '../opfs/opfs-files.ts';
import { isComplete, openModelsFolder, opfsUrl } from '../opfs/opfs-models.ts';
import { opfsSink } from '../opfs/opfs-sink.ts';
import { hasRoom } from '../opfs/opfs-write.ts';
import { describeModel } from '../stored-models.ts';
import type { TaskAnswer } from '../tasks.ts';
import type { ImportInput } from './import-messages.ts';
import { planForThisMachine, prepareImport, requireMachine } from './prepare-import.ts';

/** What the tab that imports a model tells those that wait for it. */
interface ImportNews {
  /** What it imports, as `identify` gives it. */
  what: string;
  progress: ConvertProgress;
}

/**
 * Converts a checkpoint into a stored model. Only in a dedicated worker, which may be terminated at
 * any moment. Where another tab runs the same import, this one tells how far that is, and goes on
 * when that tab is closed, or is silent for too long.
 */
export async function importModel(
  input: ImportInput,
  post: (message: TaskAnswer<'import'>) => void,
): Promise<CompleteModel> {
  const onNotice = (notice: ConvertNotice) => post({ type: 'notice', notice });
  const prepared = await prepareImport(input, true, onNotice);
  const { id, url, info, dtype, source, loras, safetyChecker } = prepared;
  if (input.choice?.anyway === false) await requireMachine(prepared);
  const what = identify(input);
  let hasFollowed = false;
  const follow = (news: ImportNews): void => {
    if (news.what !== what) throw conflict(id, `another tab imports another model as ${url}`);
    hasFollowed = true;
    post({ type: 'progress', progress: news.progress });
  };
  const convert = async (
    models: FileSystemDirectoryHandle,
    tell: (news: ImportNews) => void,
  ): Promise<CompleteModel> => {
    const { manifest, bytes } = await convertPipeline(source, await opfsSink(models, id), {
      dtype,
      info,
      loras,
      safetyChecker,
      onProgress(progress) {
        post({ type: 'progress', progress });
        tell({ what, progress });
      },
      onNotice,
    });
    return { id, kind: 'imported', url, state: 'complete', bytes, model: manifest.model, name: manifest.name };
  };
  const work: Alone<CompleteModel, ImportNews> = async (tell, isTakeOver) => {
    const done = hasFollowed ? await describeModel(id) : undefined;
    if (done?.state === 'complete') return done;
    const models = await openModelsFolder();
    await findUnfinished(models, id);
    return withModelAlone(url, () => convert(models, tell), isTakeOver);
  };
  try {
    return await alone(`flux-srpo import ${id}`, work, follow);
  } catch (error) {
    if ((error as DOMException).name !== 'AbortError') throw error;
    // The other tab may have finished. Nothing more must be written here.
    self.close();
    throw conflict(id, `another tab took the import of ${url} over while this one hung; the same call follows it`);
  }
}

/** Equal for two imports of the same files with the same settings. */
function identify({ hub: { endpoint }, ...input }: ImportInput): string {
  const named = (_key: string, value: unknown): unknown =>
    value instanceof File ? [value.name, value.size, value.lastModified] : value;
  return JSON.stringify({ ...input, endpoint }, named);
}

/** What `importModel` would do. Writes nothing that stays. */
export async function foreseeImport(input: ImportInput): Promise<ImportForecast> {
  const prepared = await prepareImport(input, false);
  const { id, url, info, source } = prepared;
  const models = await openModelsFolder();
  const unfinished = await findUnfinished(models, id);
  const found = unfinished === undefined ? 0 : await bytesOf(unfinished);
  const { forecast, machine, config } = await planForThisMachine(prepared);
  const rate = await measureRate(source);
  const { model, name } = completeInfo(info, config).info;
  return {
    id,
    url,
    model,
    name,
    ...forecast,
    found,
    fits: await hasRoom(models, Math.max(0, forecast.bytes - found)),
    machine,
    ...(rate === undefined ? {} : { rate, seconds: forecast.sourceBytes / rate }),
  };
}

/** The folder of an interrupted import. A complete model of that id is refused. */
async function findUnfinished(
  models: FileSystemDirectoryHandle,
  id: string,
): Promise<FileSystemDirectoryHandle | undefined> {
  const existing = await findFolder(models, id);
  if (existing === undefined || !(await isComplete(existing))) return existing;
  throw conflict(id, `there is a model ${opfsUrl(id)}; remove it first`);
}

function conflict(id: string, what: string): InputError {
  return new InputError(`${what}, or give another id`, { code: 'input/conflict', details: { id } });
}
