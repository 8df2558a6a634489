export type { ErrorCode, ImageSize, Progress, SizePreset, WireError } from '@flux-srpo/core';
export {
  DeviceError,
  FluxError,
  FormatError,
  InferenceError,
  InputError,
  isFluxError,
  ModelError,
  NetworkError,
  StorageError,
} from '@flux-srpo/core';
export type { Preview, Timings } from '@flux-srpo/runtime';
export {
  createFluxSrpo,
  type FluxSrpo,
  type FluxSrpoOptions,
  type GenerateOptions,
  type LoadOptions,
} from './client.ts';
export type { LoadedModel } from './protocol.ts';
export type { Acceleration, ImageRequest, RequestWarning, Transport } from './wire/request.ts';
export type { ImageResponse, ResponseImage } from './wire/response.ts';
