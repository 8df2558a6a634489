import { createFluxSrpo, type TransferProgress } from 'flux-srpo';
import type { WorkerMessage } from '../support/chromium.ts';
import type { Input, Kind } from './fetching.worker.ts';

/** `kept`: the library's fetch. `checked`: what it has stored is read and compared. */
export type Step = Kind | 'kept' | 'checked';

/** Does one step. @returns MB/s, from when the worker has begun */
export async function run(step: Step, bundle: string): Promise<number> {
  if (step !== 'kept' && step !== 'checked') return inWorker({ bundle, kind: step });
  const { storage } = createFluxSrpo({ model: bundle, backend: 'wasm' });
  const told: { at: number; loaded: number }[] = [];
  const onProgress = ({ loaded }: TransferProgress) => told.push({ at: performance.now(), loaded });
  if (step === 'checked') {
    await storage.verify(bundle, { onProgress });
    await storage.remove(bundle);
  } else {
    await storage.remove(bundle);
    await storage.fetch(bundle, { onProgress });
  }
  const [first, last] = [told[0]!, told.at(-1)!];
  return (last.loaded - first.loaded) / 1000 / (last.at - first.at);
}

function inWorker(input: Input): Promise<number> {
  const worker = new Worker('/fetching.worker.ts?worker_file&type=module', { type: 'module' });
  return new Promise<number>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage<number>>) => {
      if ('result' in data) resolve(data.result);
      else reject(new Error('failure' in data ? data.failure : String(data.note)));
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(input);
  }).finally(() => worker.terminate());
}
