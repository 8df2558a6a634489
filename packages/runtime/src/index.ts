export { type Bundle, openBundle } from './bundle/bundle.ts';
export { type BundleFiles, httpBundle } from './bundle/bundle-files.ts';
export type { ChunkStore } from './bundle/chunk-store.ts';
export { keepAll } from './bundle/keep-all.ts';
export { createPipeline, type Pipeline } from './create-pipeline.ts';
export type { Timings } from './generation/clock.ts';
export type { GenerateOptions, GenerateResult } from './generation/contract.ts';
export type { GeneratedImage } from './generation/picture.ts';
export type { Preview } from './generation/preview.ts';
export {
  type AdapterReport,
  type Backend,
  type BackendHooks,
  type BackendInfo,
  createWasmBackend,
  createWebGpuBackend,
  type DeviceTensor,
  type HostTensor,
  type LedgerSnapshot,
  memoryVerdictStore,
  probeAdapter,
  type Session,
  type Stage,
  type WebGpuBackendOptions,
} from './ort/index.ts';
export { loadPart } from './parts/weights.ts';

export { encodePicture, pictureSettings } from './png.ts';
export type { GenerateRequest } from './request.ts';
export { loadTokenizers, type Tokenizers } from './text/tokenize.ts';
