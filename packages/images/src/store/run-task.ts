import { DeviceError, fromWireError } from '@flux-srpo/core';
import type { ConvertNotice } from '@flux-srpo/export';
import { assertPage } from '../client/assert-page.ts';
import { reporting } from '../client/reporting.ts';
import { pageBase } from '../page-base.ts';
import { workerFailure } from '../worker/worker-failure.ts';
import type { TaskAnswer, TaskCall, TaskMessage, Tasks } from './tasks.ts';

/** How to follow and end a task of the storage. */
export interface TaskOptions<Name extends keyof Tasks> {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Tasks[Name]['progress']) => void) | undefined;
  onNotice?: ((notice: ConvertNotice) => void) | undefined;
  /** Called with what sends the worker more. */
  onStart?: ((post: (message: TaskMessage) => void) => void) | undefined;
  workerUrl?: string | URL | undefined;
}

/** Runs one task of the storage in a worker of its own. */
export async function runTask<Name extends keyof Tasks>(
  task: Name,
  input: Tasks[Name]['input'],
  { signal, onProgress, onNotice, onStart, workerUrl }: TaskOptions<Name> = {},
): Promise<Tasks[Name]['result']> {
  signal?.throwIfAborted();
  const since = performance.now();
  const worker = startWorker(workerUrl);
  const abort = new AbortController();
  const [tellProgress, tellNotice] = [reporting(onProgress), reporting(onNotice)];
  try {
    return await new Promise((resolve, reject) => {
      const url = workerUrl && new URL(workerUrl, pageBase()).href;
      const crash = async (event: Event) => reject(await workerFailure(event, { what: 'import worker', url, since }));
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: abort.signal });
      worker.addEventListener('error', crash);
      worker.addEventListener('messageerror', crash);
      worker.addEventListener('message', ({ data }: MessageEvent<TaskAnswer<Name>>) => {
        if (data.type === 'alive') whenFree(data.lock, abort.signal, () => reject(goneWorker()));
        else if (data.type === 'progress') tellProgress?.(data.progress);
        else if (data.type === 'notice') tellNotice?.(data.notice);
        else if (data.type === 'result') resolve(data.result);
        else reject(fromWireError(data.error));
      });
      worker.postMessage({ task, input } as TaskCall);
      onStart?.((message) => worker.postMessage(message));
    });
  } finally {
    abort.abort();
    // Also in the middle of its work: finished parts and chunks stay, and the worker's handles and
    // locks go with it.
    worker.terminate();
  }
}

/** Calls `act` when nobody holds this Web Lock any more, unless the signal has aborted. */
function whenFree(lock: string, signal: AbortSignal, act: () => void): void {
  navigator.locks?.request(lock, { signal }, act).catch(() => undefined);
}

/** Browsers tell no page that they have taken its worker away, as they do for want of memory. */
function goneWorker(): DeviceError {
  return new DeviceError('the import worker was ended from outside; the same call goes on where it was', {
    code: 'device/worker-failed',
    details: { event: 'gone' },
  });
}

function startWorker(url: string | URL | undefined): Worker {
  assertPage();
  try {
    // Bundlers look for this literal form.
    if (url === undefined) return new Worker(new URL('./import/import-worker.ts', import.meta.url), { type: 'module' });
    return new Worker(new URL(url, pageBase()), { type: 'module' });
  } catch (cause) {
    throw new DeviceError('the page may not start the import worker; give its module of this origin as `workerUrl`', {
      code: 'device/worker-failed',
      details: { event: 'start' },
      cause,
    });
  }
}
