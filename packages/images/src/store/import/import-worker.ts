import { toWireError } from '@flux-srpo/core';
import { takeLock } from '../../client/web-lock.ts';
import { Gate } from '../../worker/gate.ts';
import type { TaskAnswer, TaskCall, TaskMessage, Tasks } from '../tasks.ts';
import { foreseeImport, importModel } from './import-model.ts';

/**
 * The module of the worker that does one task of the storage: it imports a model from a checkpoint,
 * foresees that, fetches a bundle, or checks one. To stop it, the page terminates it; the next one
 * uses what it has finished by then.
 */
const post = (message: TaskAnswer<keyof Tasks>) => self.postMessage(message);
const onProgress = (progress: Tasks[keyof Tasks]['progress']) => post({ type: 'progress', progress });

/** Shut while a fetch is paused. */
const gate = new Gate();

async function run({ task, input }: TaskCall): Promise<Tasks[keyof Tasks]['result']> {
  if (task === 'foresee') return foreseeImport(input);
  if (task === 'import') return importModel(input, post);
  if (task === 'verify') return (await import('../verify-model.ts')).verifyModel(input.id, onProgress);
  return (await import('../fetch/fetch-model.ts')).fetchModel(input, onProgress, gate);
}

self.addEventListener('message', ({ data }: MessageEvent<TaskCall | TaskMessage>) => {
  if ('paused' in data) return gate.setShut(data.paused);
  const lock = `flux-srpo:task ${crypto.randomUUID()}`;
  takeLock(lock).then(
    () => post({ type: 'alive', lock }),
    () => undefined,
  );
  run(data).then(
    (result) => post({ type: 'result', result }),
    (error: unknown) => post({ type: 'failure', error: toWireError(error) }),
  );
});
