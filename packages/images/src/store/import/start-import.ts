import { DeviceError, fromWireError } from '@flux-srpo/core';
import { assertPage } from '../../client/assert-page.ts';
import { pageBase } from '../../page-base.ts';
import type { LocalBackend } from '../../worker/protocol.ts';
import { workerFailure } from '../../worker/worker-failure.ts';
import { checkModelId } from '../opfs/opfs-models.ts';
import { importInput } from './import-input.ts';
import type { ImportCall, ImportMessage, ImportResults, ImportTask } from './import-messages.ts';
import type { ImportOptions, ImportSources, RecipeSources } from './import-options.ts';

/**
 * Runs one task in a worker of its own.
 *
 * @param backends what may compute the model here, in this order
 */
export async function startImport<Task extends ImportTask>(
  task: Task,
  backends: readonly LocalBackend[],
  sources: ImportSources | RecipeSources,
  { signal, onProgress, onNotice, workerUrl, ...settings }: ImportOptions = {},
): Promise<ImportResults[Task]> {
  signal?.throwIfAborted();
  if (settings.id !== undefined) checkModelId(settings.id);
  const input = importInput(sources, settings, backends);
  const since = performance.now();
  const worker = startWorker(workerUrl);
  try {
    return await new Promise((resolve, reject) => {
      const url = workerUrl && new URL(workerUrl, pageBase()).href;
      const crash = async (event: Event) => reject(await workerFailure(event, { what: 'import worker', url, since }));
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      worker.addEventListener('error', crash);
      worker.addEventListener('messageerror', crash);
      worker.addEventListener('message', ({ data }: MessageEvent<ImportMessage>) => {
        if (data.type === 'progress') tell(onProgress, data.progress);
        else if (data.type === 'notice') tell(onNotice, data.notice);
        else if (data.type === 'result') resolve(data.result as ImportResults[Task]);
        else reject(fromWireError(data.error));
      });
      worker.postMessage({ task, input } satisfies ImportCall);
    });
  } finally {
    // Also in the middle of its work: finished parts stay on the disk, and the worker's handles and
    // lock go with it.
    worker.terminate();
  }
}

/**
 * An exception of the caller's own callback is reported as the page's; it does not end the import.
 */
function tell<T>(listener: ((value: T) => void) | undefined, value: T): void {
  try {
    listener?.(value);
  } catch (error) {
    reportError(error);
  }
}

function startWorker(url: string | URL | undefined): Worker {
  assertPage();
  try {
    // Bundlers look for this literal form.
    if (url === undefined) return new Worker(new URL('./import-worker.ts', import.meta.url), { type: 'module' });
    return new Worker(new URL(url, pageBase()), { type: 'module' });
  } catch (cause) {
    throw new DeviceError('the page may not start the import worker; give its module of this origin as `workerUrl`', {
      code: 'device/worker-failed',
      details: { event: 'start' },
      cause,
    });
  }
}
