export { type BundleInfo, FLUX_SRPO_INFO, parseBundleInfo } from './bundle/bundle-info.ts';
export type { BundleSink, JournalFile, ResumableSink } from './bundle/bundle-writer.ts';
export { type ConvertNotice, type ConvertOptions, type ConvertSummary, convertPipeline } from './convert/convert.ts';
export type { ConvertProgress } from './convert/convert-progress.ts';
export { type ConversionForecast, foreseeConversion } from './convert/foresee.ts';
export {
  bakeWeights,
  buildGraph,
  type ClassOf,
  HALF_GRAPHS,
  type PartPlan,
  planParts,
  scalesName,
  type WeightInput,
  type WeightSlot,
  weightInputs,
} from './graphs/index.ts';
export {
  type BundleReport,
  type ClassReport,
  type InspectOptions,
  inspectBundle,
  type PartReport,
  type Phase,
  type PhaseReport,
} from './inspect/bundle.ts';
export { inspectTensorFile, type TensorFileReport } from './inspect/tensor-file.ts';
export { readTensor, type TensorValues } from './inspect/tensor-values.ts';
export { type FileVerdict, verifyFile } from './inspect/verify.ts';
export type { UnusedTensor } from './key-maps/bind.ts';
export { COMPONENTS, type Component } from './key-maps/index.ts';
export type { LoraSource } from './lora/open-loras.ts';
export { dequantizeQ4, dequantizeQ4m, dequantizeQ8 } from './quantize/dequantize.ts';
export { quantizeQ4, quantizeQ4m, quantizeQ8 } from './quantize/kernels.ts';
export type { QuantizedRows, QuantizeJob, RowQuantizer } from './quantize/rows.ts';
export { shapePartSizes } from './recipes/part-sizes.ts';
export { RECIPES, type Recipe, resolveClass } from './recipes/recipe.ts';
export { combineSources, type ModelSources, type SourceFile } from './sources/combine-sources.ts';
export { networkFileName } from './sources/component-files.ts';
export type { SourceFolder } from './sources/source-folder.ts';
export { type SynthesizeOptions, type SynthesizeSummary, synthesizeBundle } from './synth/synthesize.ts';
export { virtualBundle } from './synth/virtual-bundle.ts';
export { applyScales, type Companion } from './tensors/scaled.ts';
export { openTensorStore, type TensorDescription, type TensorStore } from './tensors/store.ts';
