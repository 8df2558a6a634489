export type {
  Acceleration,
  ErrorCode,
  ErrorDetails,
  FluxErrorOptions,
  ImageSize,
  Manifest,
  MemoryPlan,
  Precision,
  Progress,
  SizePreset,
  WeightClass,
  WireError,
} from '@flux-srpo/core';
export {
  DeviceError,
  FluxError,
  FormatError,
  formatBytes,
  InferenceError,
  InputError,
  isFluxError,
  ModelError,
  NetworkError,
  StorageError,
} from '@flux-srpo/core';
export type {
  BundleInfo,
  ConvertNotice,
  ConvertProgress,
  ModelRecipe,
  PictureNeeds,
  RecipeEntry,
  RecipeLicence,
  RecipeLora,
} from '@flux-srpo/export';
export type { BackendInfo, Preview, Timings } from '@flux-srpo/runtime';
export { createFluxSrpo } from './client/client.ts';
export type { FluxSrpo } from './client/flux-srpo.ts';
export type {
  GenerateOptions,
  ImageRequestNonStreaming,
  ImageRequestStreaming,
  LoadedModel,
  LoadOptions,
  RemoteModel,
} from './client/image-client.ts';
export type { ImageStream } from './client/image-stream.ts';
export type { PendingImage } from './client/kept-pictures.ts';
export type { FallbackPolicy, FluxSrpoOptions } from './client/options.ts';
export type { QueueState } from './client/queue.ts';
export type { ProbeReport } from './probe/probe-report.ts';
export type { RemoteOptions, ServiceDescription } from './remote/index.ts';
export type {
  ImportFile,
  ImportFolder,
  ImportOptions,
  ImportSettings,
  ImportSources,
  RecipeSources,
} from './store/import/import-options.ts';
export type { ModelSource } from './store/model-source.ts';
export type {
  CompleteModel,
  DamagedChunk,
  FetchOptions,
  ImportForecast,
  MachineForecast,
  ModelFetch,
  ModelStorage,
  StoredEntry,
  StoredModel,
  TransferProgress,
  UnfinishedModel,
  UnreadableModel,
  Verification,
} from './store/model-storage.ts';
export type { ModelFolder } from './store/picked-folder.ts';
export type { ImageRequest, RequestWarning, Transport } from './wire/request.ts';
export type { CountedMemory, ImageResponse, ResponseImage } from './wire/response.ts';
export type { LocalBackend, LocalModel } from './worker/protocol.ts';
