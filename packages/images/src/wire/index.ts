export { ACCELERATIONS, type Acceleration, LIMITS, type Range, randomSeed, SIZE_PRESETS } from '@flux-srpo/core';
export { type HttpError, type RemoteAnswer, toHttpError } from './errors.ts';
export {
  type CompletedEvent,
  completedEvents,
  encodeEvent,
  type ImageEvent,
  type PartialImageEvent,
  type PartialPicture,
  partialImageEvent,
} from './events.ts';
export type { Path } from './json-path.ts';
export { type ModelFacts, modelFacts, modelWarnings, sizeOf, toEngineRequest } from './model.ts';
export { parseRequest } from './parse-request.ts';
export {
  ERROR_PATHS,
  type ErrorPaths,
  type ErrorReading,
  fromHttpError,
  type HeadersLike,
} from './remote-errors.ts';
export type {
  CheckedRequest,
  ImageRequest,
  ParsedRequest,
  RequestWarning,
  Transport,
} from './request.ts';
export {
  type CountedMemory,
  countedMemory,
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
