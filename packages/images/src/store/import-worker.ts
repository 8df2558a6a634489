import { toWireError } from '@flux-srpo/core';
import { foreseeImport, importModel } from './import-model.ts';
import type { ImportMessage, ImportTask } from './import-protocol.ts';

/**
 * The module of the worker that imports one model: a checkpoint in, a bundle in the origin private file system out. It hears one message.
 * Whoever wants it to stop terminates it; what it has finished by then is taken up the next time.
 */
self.addEventListener('message', ({ data: { task, input } }: MessageEvent<ImportTask>) => {
  const post = (message: ImportMessage) => self.postMessage(message);
  const work = task === 'foresee' ? foreseeImport(input) : importModel(input, post);
  work.then(
    (result) => post({ type: 'result', result }),
    (error: unknown) => post({ type: 'failure', error: toWireError(error) }),
  );
});
