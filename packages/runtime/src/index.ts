export { type Bundle, openBundle } from './bundle/bundle.ts';
export { type BundleFiles, httpBundle } from './bundle/bundle-files.ts';
export type { ChunkStore } from './bundle/chunk-cache.ts';
export { keepAll } from './bundle/keep-all.ts';
export { createPipeline, type Pipeline } from './create-pipeline.ts';
export type { Timings } from './generation/clock.ts';
export type { GenerateOptions, GenerateResult } from './generation/contract.ts';
export type { GeneratedImage } from './generation/picture.ts';
export type { Preview } from './generation/preview.ts';
export { type AdapterReport, probeAdapter } from './ort/adapter.ts';
export type { Backend, BackendHooks, BackendInfo, DeviceTensor, HostTensor, Session, Stage } from './ort/backend.ts';
export type { LedgerSnapshot } from './ort/ledger.ts';
export { memoryVerdictStore } from './ort/verdict-store.ts';
export { createWasmBackend, createWebGpuBackend, type WebGpuBackendOptions } from './ort/web.ts';
export { loadPart } from './parts/weights.ts';

export { encodePicture, pictureSettings } from './png.ts';
export type { GenerateRequest } from './request.ts';
export { loadTokenizers, type Tokenizers } from './text/tokenize.ts';
