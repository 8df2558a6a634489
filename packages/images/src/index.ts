export type {
  ErrorCode,
  ErrorDetails,
  FluxErrorOptions,
  ImageSize,
  Manifest,
  MemoryPlan,
  Progress,
  SizePreset,
  WireError,
} from '@flux-srpo/core';
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
  type GenerateOptions,
  type LoadedModel,
  type LoadOptions,
} from './client.ts';
export type { FallbackPolicy, FluxSrpoOptions } from './options.ts';
export type { ProbeReport } from './probe.ts';
export type { LocalBackend, LocalModel } from './protocol.ts';
export type { QueueState } from './queue.ts';
export type { RemoteModel, RemoteOptions } from './remote/index.ts';
export type { Acceleration, ImageRequest, RequestWarning, Transport } from './wire/request.ts';
export type { ImageResponse, ResponseImage } from './wire/response.ts';
