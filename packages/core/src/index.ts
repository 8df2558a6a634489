export { type BodyBounds, type BodyLike, boundedPieces, readBounded } from './bounded-body.ts';
export { type Cancellation, throwIfAborted } from './cancellation.ts';
export { checkPicture } from './checks.ts';
export { type ClassifierConfig, MAX_CLASSIFIER_BYTES, readClassifierConfig } from './classifier-config.ts';
export {
  type ClipConfig,
  FLUX1_DEV,
  hiddenSize,
  type ModelConfig,
  type SchedulerConfig,
  type T5Config,
  type TransformerConfig,
  type VaeConfig,
} from './config.ts';
export {
  DeviceError,
  type ErrorCode,
  type ErrorDetails,
  FluxError,
  type FluxErrorOptions,
  FormatError,
  fromWireError,
  InferenceError,
  InputError,
  isFluxError,
  ModelError,
  NetworkError,
  StorageError,
  toWireError,
  type WireError,
} from './errors.ts';
export { formatBytes } from './format-bytes.ts';
export {
  checkSize,
  type Grid,
  latentGrid,
  MAX_SIDE,
  PIXELS_PER_LATENT,
  PIXELS_PER_TOKEN,
  parseSize,
  tokenCount,
  tokenGrid,
} from './geometry.ts';
export { packLatents, unpackLatents } from './latents.ts';
export {
  type BundleFile,
  type BundlePart,
  CHUNK_BYTES,
  type ImageSize,
  MANIFEST_SCHEMA,
  type Manifest,
  type MergedLora,
  type Precision,
  type QuantizationFallback,
  SAFETY_CHECKER_FILES,
  type SafetyChecker,
  type SizePreset,
  type WeightClass,
} from './manifest.ts';
export { MAX_MANIFEST_BYTES, parseManifest } from './manifest-parse.ts';
export { checkSeed, fluxNoise, torchRandn } from './noise.ts';
export { toRgb8, toRgba8 } from './pixels.ts';
export {
  assertPlanned,
  DECODE_TILES,
  type MemoryPlan,
  type PartSize,
  type PhasePlan,
  PLAN_PHASES,
  type PlanInput,
  type PlanPhase,
  type PlanRefusal,
  partSizes,
  planGeneration,
} from './plan.ts';
export { FLUX_PREVIEW, type PreviewFactors, previewRgba } from './preview.ts';
export type { Progress } from './progress.ts';
export { parseRetryAfter, type RetryPolicy, retry, sleep, type WaitSignal } from './retry.ts';
export { type RopeOptions, type RopeTables, ropeTables } from './rope.ts';
export { eulerStep, predictX0 } from './sampler.ts';
export { fluxSigmas, MAX_STEPS, muForTokens } from './schedule.ts';
export { t5Bucket, t5PositionBias } from './t5-position.ts';
export { decodeTiles, type Tile, tileBlend, tileStride } from './tiles.ts';
export { modelTimestep, sinusoidalEmbedding, TIMESTEP_DIMS } from './timestep.ts';
