export { boundedPieces, readBounded } from './bounded-body.ts';
export { FLUX_SRPO_DEFAULTS, FLUX_SRPO_SIZES } from './defaults.ts';
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
export { joinBytes } from './join-bytes.ts';
export {
  ACCELERATIONS,
  type Acceleration,
  isSizePreset,
  LIMITS,
  MAX_PROMPT_CHARACTERS,
  type Range,
  SIZE_PRESETS,
  type SizePreset,
} from './limits.ts';
export { MAX_CLASSIFIER_BYTES, readClassifierConfig } from './manifest/classifier-config.ts';
export {
  type BundleFile,
  type BundlePart,
  CHUNK_BYTES,
  MANIFEST_SCHEMA,
  type Manifest,
  type MergedLora,
  type Precision,
  type QuantizationFallback,
  SAFETY_CHECKER_FILES,
  type SafetyChecker,
} from './manifest/manifest.ts';
export { MAX_MANIFEST_BYTES, parseManifest } from './manifest/manifest-parse.ts';
export {
  DEFAULT_WEIGHT_CLASS,
  parseWeightClass,
  WEIGHT_CLASSES,
  type WeightClass,
} from './manifest/weight-class.ts';
export { DEFAULT_MEMORY_BUDGET } from './memory/budget.ts';
export { decodeTiles, type Tile, tileBlend, tileStride } from './memory/decode-tiles.ts';
export { type PartSize, partSizes } from './memory/part-sizes.ts';
export { planGeneration } from './memory/plan.ts';
export type { MemoryPlan, PlanInput } from './memory/plan-types.ts';
export { assertPlanned } from './memory/refusals.ts';
export { MLP_RATIO, mlpChunks, VAE_QUERY_CHUNKS } from './model/chunks.ts';
export {
  type ClipConfig,
  decoderChannels,
  FLUX1_DEV,
  hiddenSize,
  type ModelConfig,
  type SchedulerConfig,
  type T5Config,
  type TransformerConfig,
  type VaeConfig,
} from './model/config.ts';
export { t5FloatShare } from './model/half-precision.ts';
export {
  type Component,
  type GraphPart,
  type ModulationPart,
  modelParts,
  modulationParts,
  PARTS,
  type Part,
  PLAN_PHASES,
  type PlanPhase,
  type TensorClass,
} from './model/parts.ts';
export {
  BLOCK_LAYOUTS,
  type BlockClass,
  hasOffsets,
  isBlockClass,
  isFourBits,
  offsetColumns,
  QUANT_BLOCK,
  storedWidth,
} from './model/weight-blocks.ts';
export { checkPicture } from './picture/checks.ts';
export {
  type Grid,
  type ImageSize,
  latentGrid,
  PIXELS_PER_LATENT,
  PIXELS_PER_TOKEN,
  parseSize,
  readSize,
  tokenCount,
  tokenGrid,
} from './picture/geometry.ts';
export { packLatents, unpackLatents } from './picture/latents.ts';
export { toRgb8 } from './picture/pixels.ts';
export { FLUX_PREVIEW, type PreviewFactors, previewRgba } from './picture/preview.ts';
export { ropeTables } from './positions/rope.ts';
export { t5Bucket, t5PositionBias } from './positions/t5-position.ts';
export type { Progress } from './progress.ts';
export { parseRetryAfter, type RetryPolicy, retry, sleep } from './retry.ts';
export { fluxNoise, torchRandn } from './sampling/noise.ts';
export { eulerStep, predictX0 } from './sampling/sampler.ts';
export { fluxSigmas, muForTokens } from './sampling/schedule.ts';
export { randomSeed } from './sampling/seed.ts';
export { modelTimestep, sinusoidalEmbedding, TIMESTEP_DIMS } from './sampling/timestep.ts';
export * as strict from './strict.ts';
