export { type BundleInfo, completeInfo, FLUX_SRPO_INFO, parseBundleInfo } from './bundle/bundle-info.ts';
export type { BundleSink, ResumableSink } from './bundle/bundle-sink.ts';
export { convertPipeline } from './convert/convert.ts';
export type { ConvertNotice } from './convert/convert-options.ts';
export type { ConvertProgress } from './convert/convert-progress.ts';
export { type ConversionForecast, foreseeConversion } from './convert/foresee.ts';
export { buildGraph, type ClassOf, HALF_GRAPHS, planParts, type WeightSlot, weightInputs } from './graphs/index.ts';
export { isNetworkAddress } from './hub/hub-address.ts';
export { measureRate } from './hub/measure-rate.ts';
export { type NetworkOptions, networkFile } from './hub/network-file.ts';
export { type BundleReport, inspectBundle } from './inspect/inspect-bundle.ts';
export { inspectTensorFile, type TensorFileReport } from './inspect/inspect-tensor-file.ts';
export { readTensor } from './inspect/read-tensor.ts';
export type { UnusedTensor } from './key-maps/binding.ts';
export { COMPONENTS, type Component } from './key-maps/namings.ts';
export type { LoraSource } from './lora/open-loras.ts';
export { type FoundRecipe, findRecipe } from './model-recipes/find-recipe.ts';
export {
  type ModelRecipe,
  type RecipeLicence,
  type RecipeLora,
  recipeInfo,
  requireLicence,
} from './model-recipes/model-recipe.ts';
export { type OpenedRecipe, type OpenRecipeOptions, openRecipe } from './model-recipes/open-recipe.ts';
export {
  listRecipes,
  type PictureNeeds,
  planConversion,
  planRecipe,
  type RecipeEntry,
  type RecipePlan,
} from './model-recipes/recipe-plan.ts';
export { quantizeQ4m } from './quantize/q4m.ts';
export { splitOffsets } from './quantize/split-offsets.ts';
export { quantizeQ4, quantizeQ8 } from './quantize/symmetric.ts';
export { combineSources, type ModelSources, type SourceFile } from './sources/combine-sources.ts';
export { networkFileName } from './sources/component-files.ts';
export type { SourceFolder } from './sources/source-folder.ts';
export { synthesizeBundle } from './synth/synthesize.ts';
export { virtualBundle } from './synth/virtual-bundle.ts';
export { CLASS_MAPS, type ClassMap, resolveClass } from './weight-classes/class-map.ts';
export { shapePartSizes } from './weight-classes/part-sizes.ts';
