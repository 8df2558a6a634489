import { toWireError } from '@flux-srpo/core';
import { importModel } from './import-model.ts';
import type { ImportInput, ImportMessage } from './import-protocol.ts';

/**
 * The module of the worker that imports one model: a checkpoint in, a bundle in the origin private file system out. It hears one message.
 * Whoever wants it to stop terminates it; what it has finished by then is taken up the next time.
 */
self.addEventListener('message', ({ data }: MessageEvent<ImportInput>) => {
  const post = (message: ImportMessage) => self.postMessage(message);
  importModel(data, post).then(
    (model) => post({ type: 'result', model }),
    (error: unknown) => post({ type: 'failure', error: toWireError(error) }),
  );
});
