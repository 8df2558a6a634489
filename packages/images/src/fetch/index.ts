export { Queue, type QueueState } from '../client/queue.ts';
export { type AnswerContext, errorAnswer, newRequestId, protocolError } from './answers.ts';
export { MAX_BODY_BYTES } from './body.ts';
export type { ImageEngine } from './engine.ts';
export { answerImages } from './images.ts';
export { createLocalFetch, type LocalFetchOptions } from './local-fetch.ts';
export { answerModels } from './models.ts';
