import { toWireError } from '@flux-srpo/core';
import type { ImportCall, ImportMessage } from './import-messages.ts';
import { foreseeImport, importModel } from './import-model.ts';

/**
 * The module of the worker that imports one model from a checkpoint into OPFS. It handles one
 * message. To stop it, the page terminates it; the next import uses what it has finished by then.
 */
self.addEventListener('message', ({ data: { task, input } }: MessageEvent<ImportCall>) => {
  const post = (message: ImportMessage) => self.postMessage(message);
  const work = task === 'foresee' ? foreseeImport(input) : importModel(input, post);
  work.then(
    (result) => post({ type: 'result', result }),
    (error: unknown) => post({ type: 'failure', error: toWireError(error) }),
  );
});
