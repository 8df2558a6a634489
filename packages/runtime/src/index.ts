export { type Bundle, openBundle } from './bundle/bundle.ts';
export { type BundleFiles, blobBundle, httpBundle } from './bundle/bundle-files.ts';
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
  DTYPE_BYTES,
  type Dtype,
  defaultVerdictStore,
  type Holding,
  type HostTensor,
  type Ledger,
  type LedgerSnapshot,
  memoryVerdictStore,
  probeAdapter,
  type SelfTestOptions,
  type SelfTestVerdict,
  type Session,
  type SessionInput,
  type Stage,
  type TensorWriter,
  type VerdictStore,
  type WasmBackendOptions,
  type WebGpuBackendOptions,
  type WebGpuBuild,
} from './ort/index.ts';
export { loadPart, type PartWeights } from './parts/weights.ts';
export type { PipelineOptions } from './pipeline-options.ts';
export { encodePicture, type PictureSettings, pictureSettings } from './png.ts';
export type { GenerateRequest, ResolvedRequest } from './request.ts';
export { loadTokenizers, PromptTokenizer, type PromptTokens, type Tokenizers } from './text/tokenize.ts';
