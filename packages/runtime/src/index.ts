export type { StepCache } from './denoise/step-cache.ts';
export type { AdapterReport } from './ort/adapter-report.ts';
export type {
  Backend,
  BackendInfo,
  DeviceTensor,
  Dtype,
  HostTensor,
  Session,
  Stage,
  TensorWriter,
} from './ort/backend.ts';
export { DTYPE_BYTES } from './ort/backend.ts';
export type { Holding, Ledger, LedgerSnapshot } from './ort/ledger.ts';
export type { SelfTestVerdict, VerdictStore } from './ort/verdict.ts';
export {
  createPipeline,
  type GeneratedImage,
  type GenerateOptions,
  type GenerateResult,
  type Pipeline,
  type PipelineOptions,
  type Preview,
  type Timings,
} from './pipeline.ts';
export { encodePicture, type PictureSettings, pictureSettings } from './png.ts';
export { type GenerateRequest, MAX_IMAGES, type ResolvedRequest } from './request.ts';
export { loadTokenizers, PromptTokenizer, type PromptTokens, type Tokenizers } from './text/tokenize.ts';
