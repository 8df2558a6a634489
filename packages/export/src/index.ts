export { type BundleInfo, FLUX_SRPO_INFO, parseBundleInfo } from './bundle/bundle-info.ts';
export type { BundleSink, ResumableSink } from './bundle/bundle-writer.ts';
export { convertPipeline } from './convert/convert.ts';
export type { ConvertNotice } from './convert/convert-options.ts';
export type { ConvertProgress } from './convert/convert-progress.ts';
export type { ConversionForecast } from './convert/foresee.ts';
export { buildGraph, type ClassOf, HALF_GRAPHS, planParts, type WeightSlot, weightInputs } from './graphs/index.ts';
export { type NetworkOptions, networkFile } from './hub/hub.ts';
export { isNetworkAddress } from './hub/hub-address.ts';
export { measureRate } from './hub/measure-rate.ts';
export { type BundleReport, inspectBundle } from './inspect/bundle.ts';
export { inspectTensorFile, type TensorFileReport } from './inspect/tensor-file.ts';
export { readTensor } from './inspect/tensor-values.ts';
export type { UnusedTensor } from './key-maps/binding.ts';
export { COMPONENTS, type Component } from './key-maps/index.ts';
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
export { quantizeQ4, quantizeQ4m, quantizeQ8 } from './quantize/kernels.ts';
export { splitOffsets } from './quantize/split-offsets.ts';
export { combineSources, type ModelSources, type SourceFile } from './sources/combine-sources.ts';
export { networkFileName } from './sources/component-files.ts';
export type { SourceFolder } from './sources/source-folder.ts';
export { synthesizeBundle } from './synth/synthesize.ts';
export { virtualBundle } from './synth/virtual-bundle.ts';
export { shapePartSizes } from './weight-classes/part-sizes.ts';
export { RECIPES, resolveClass } from './weight-classes/recipe.ts';
