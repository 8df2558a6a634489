import { DeviceError, fromWireError, parseManifest, StorageError } from '@flux-srpo/core';
import type { ImportForecast, ImportMessage, ImportTask, StoredModel } from './import-protocol.ts';
import { type ImportSources, importInput } from './import-sources.ts';
import type { ImportOptions, ModelStorage } from './model-storage.ts';
import { folderBytes } from './opfs-sink.ts';
import { alone, checkId, findFile, isComplete, openRoot, storedModelUrl } from './stored-models.ts';

/** The page's end of the storage. */
export const storage: ModelStorage = {
  import: (sources, options) => startTask('import', sources, options) as Promise<StoredModel>,
  foresee: (sources, options) => startTask('foresee', sources, options) as Promise<ImportForecast>,
  list: listModels,
  remove: removeModel,
  estimate: estimateStorage,
  persist: persistStorage,
};

async function startTask(
  task: ImportTask['task'],
  sources: ImportSources,
  { signal, onProgress, onNotice, workerUrl, ...settings }: ImportOptions = {},
): Promise<StoredModel | ImportForecast> {
  signal?.throwIfAborted();
  if (settings.id !== undefined) checkId(settings.id);
  const input = importInput(sources, settings);
  const worker = startWorker(workerUrl);
  try {
    return await new Promise((resolve, reject) => {
      const crash = (event: Event) => {
        const message = event instanceof ErrorEvent && event.message ? `: ${event.message}` : '';
        reject(
          new DeviceError(`the import worker could not start, or crashed${message}`, {
            code: 'device/worker-failed',
            details: { event: event.type },
          }),
        );
      };
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.addEventListener('error', crash);
      worker.addEventListener('messageerror', crash);
      worker.addEventListener('message', ({ data }: MessageEvent<ImportMessage>) => {
        if (data.type === 'progress') tell(onProgress, data.progress);
        else if (data.type === 'notice') tell(onNotice, data.notice);
        else if (data.type === 'result') resolve(data.result);
        else reject(fromWireError(data.error));
      });
      worker.postMessage({ task, input } satisfies ImportTask);
    });
  } finally {
    // At any moment: what is on the disk by then is of use, and its handles and its lock go with the worker.
    worker.terminate();
  }
}

/** An exception of the caller's own callback is the page's to report. */
function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    reportError(error);
  }
}

function startWorker(url: string | URL | undefined): Worker {
  try {
    // The literal form is what bundlers look for.
    if (url === undefined) return new Worker(new URL('./import-worker.ts', import.meta.url), { type: 'module' });
    return new Worker(new URL(url, globalThis.document?.baseURI), { type: 'module' });
  } catch (cause) {
    throw new DeviceError('the page may not start the import worker; give its module of this origin as `workerUrl`', {
      code: 'device/worker-failed',
      details: { event: 'start' },
      cause,
    });
  }
}

async function listModels(): Promise<StoredModel[]> {
  const root = await openRoot();
  const models: StoredModel[] = [];
  for await (const [id, handle] of root.entries()) {
    if (handle.kind === 'directory') models.push(await describe(id, handle as FileSystemDirectoryHandle));
  }
  return models.sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function describe(id: string, folder: FileSystemDirectoryHandle): Promise<StoredModel> {
  const url = storedModelUrl(id);
  const bytes = await folderBytes(folder);
  if (!(await isComplete(folder))) return { id, url, state: 'unfinished', bytes };
  const { model, name } = parseManifest(await (await findFile(folder, 'manifest.json'))!.text());
  return { id, url, state: 'complete', bytes, model, name };
}

async function removeModel(id: string): Promise<void> {
  checkId(id);
  await alone(id, async () => {
    const root = await openRoot();
    const ignoreMissing = (error: unknown) => {
      if ((error as DOMException).name !== 'NotFoundError') throw error;
    };
    const folder = await root.getDirectoryHandle(id).catch(ignoreMissing);
    // The manifest first: a folder that is cut off half removed must not look complete.
    await folder?.removeEntry('manifest.json').catch(ignoreMissing);
    await root.removeEntry(id, { recursive: true }).catch(ignoreMissing);
  });
}

async function estimateStorage(): Promise<{ usage: number; quota: number }> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate().catch((cause: unknown) => {
    throw new StorageError('the browser does not say what this origin may store', {
      code: 'storage/unavailable',
      cause,
    });
  });
  return { usage, quota };
}

async function persistStorage(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false;
}
