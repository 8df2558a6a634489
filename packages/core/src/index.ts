/** What the other packages use. A file that is theirs as a whole is exported as a whole. */
export * from './bounded-body.ts';
export * from './defaults.ts';
export * from './error-codes.ts';
export * from './errors.ts';
export * from './exact-number.ts';
export * from './format-bytes.ts';
export * from './format-count.ts';
export * from './join-bytes.ts';
export * from './limits.ts';
export * from './manifest/classifier-config.ts';
export * from './manifest/manifest.ts';
export * from './manifest/manifest-chunks.ts';
export * from './manifest/manifest-parse.ts';
export { presetSizes, requestDefaults } from './manifest/request-fields.ts';
export * from './manifest/weight-class.ts';
export * from './memory/budget.ts';
export { decodeTiles, type Tile, tileBlend, tileStride } from './memory/decode-tiles.ts';
export {
  type AdapterNames,
  adapterIdentity,
  type MemoryTrial,
  mayTryMemory,
  memoryKey,
  memoryTrial,
  triedTarget,
} from './memory/memory-trial.ts';
export * from './memory/part-sizes.ts';
export { type Means, mayUseHalves, planPicture, requiredLimits } from './memory/picture-plan.ts';
export * from './memory/plan.ts';
export * from './memory/plan-types.ts';
export { assertPlanned } from './memory/refusals.ts';
export { MLP_RATIO, mlpChunks, VAE_QUERY_CHUNKS } from './model/chunks.ts';
export * from './model/config.ts';
export * from './model/flux1-dev.ts';
export * from './model/half-precision.ts';
export * from './model/parts.ts';
export * from './model/weight-blocks.ts';
export * from './picture/check-decoded.ts';
export * from './picture/geometry.ts';
export * from './picture/latents.ts';
export { toRgb8 } from './picture/pixels.ts';
export * from './picture/preview.ts';
export * from './positions/rope.ts';
export * from './positions/t5-bucket.ts';
export * from './positions/t5-position.ts';
export * from './progress.ts';
export * from './prompt.ts';
export * from './retry.ts';
export * from './retry-after.ts';
export * from './sampling/mu.ts';
export * from './sampling/noise.ts';
export * from './sampling/sampler.ts';
export * from './sampling/schedule.ts';
export * from './sampling/seed.ts';
export * from './sampling/timestep.ts';
export * from './sampling/torch-randn.ts';
export * as strict from './strict/index.ts';
export * from './wire-error.ts';
