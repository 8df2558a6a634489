export { type HttpError, type RemoteAnswer, toHttpError } from './errors.ts';
export {
  type CompletedEvent,
  completedEvent,
  encodeEvent,
  type ImageEvent,
  type PartialImageEvent,
  type PictureFacts,
  partialImageEvent,
} from './events.ts';
export { type ModelFacts, modelFacts, sizeOf, toEngineRequest } from './model.ts';
export { PRESETS } from './presets.ts';
export { fromHttpError, type HeadersLike, parseRetryAfter } from './remote-errors.ts';
export {
  ACCELERATIONS,
  type Acceleration,
  type ImageRequest,
  type ParsedRequest,
  parseRequest,
  type RequestWarning,
  type Transport,
} from './request.ts';
export {
  type ImageResponse,
  type LocalAnswer,
  type LocalRun,
  localResponse,
  partialWarnings,
  promptWarnings,
  type ResponseImage,
  toBase64,
  unixSeconds,
} from './response.ts';
export { type HttpErrorType, STATUSES } from './statuses.ts';
