import {
  FLUX_SRPO_SIZES,
  FLUX1_DEV,
  type ImageSize,
  LIMITS,
  type MemoryPlan,
  type ModelConfig,
  type PlanInput,
  planGeneration,
  type WeightClass,
} from '@flux-srpo/core';
import { type ConversionForecast, foreseeConversion } from '../convert/foresee.ts';
import type { ClassOf } from '../graphs/index.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { shapePartSizes } from '../weight-classes/part-sizes.ts';
import { shippedRecipes } from './find-recipe.ts';
import type { ModelRecipe } from './model-recipe.ts';
import type { OpenedRecipe } from './open-recipe.ts';

/** Bytes of device memory that one picture takes. */
export interface PictureNeeds {
  size: ImageSize;
  /** With the denoiser's weights held from step to step. */
  memory: number;
  /** With weights read again in each step, which is slower and gives the same picture. */
  least: number;
}

/** A recipe, and what a machine needs for its pictures. */
export interface RecipeEntry extends ModelRecipe {
  needs: PictureNeeds;
}

/** What a conversion would do, and whether a machine can use the result. */
export interface RecipePlan {
  /** Its `sourceBytes` include the LoRAs. */
  forecast: ConversionForecast;
  config: ModelConfig;
  needs: PictureNeeds;
  /** A picture on the machine in question; `refusals` say why there can be none. */
  plan: MemoryPlan;
}

/** Every recipe that comes with the package. The needs are those of FLUX.1 [dev]'s shape. */
export function listRecipes(): RecipeEntry[] {
  // Recipes differ in their sources more than in their shape, and a plan builds every graph.
  const plans = new Map<string, PictureNeeds>();
  return shippedRecipes().map((recipe) => {
    const size = pictureSize(recipe);
    const shape = `${recipe.dtype} ${size.width}x${size.height}`;
    const needs = plans.get(shape) ?? pictureNeeds(FLUX1_DEV, recipe.dtype, size);
    plans.set(shape, needs);
    return { ...recipe, needs };
  });
}

/** What a machine offers. Nothing is refused for what is left out. */
type Offer = Pick<PlanInput, 'budget' | 'limits'>;

/** Reads the headers of a recipe's files, and no weights. */
export async function planRecipe(
  recipe: ModelRecipe,
  { source, loras }: OpenedRecipe,
  machine: Offer,
): Promise<RecipePlan> {
  return await planConversion({ source, loras, dtype: recipe.dtype }, pictureSize(recipe), machine);
}

/**
 * Reads the headers of the files, and no weights.
 *
 * @param size of the picture that is planned for
 */
export async function planConversion(
  {
    source,
    loras,
    dtype,
    safetyChecker,
  }: OpenedRecipe & { dtype: WeightClass; safetyChecker?: SourceFolder | undefined },
  size: ImageSize,
  machine: Offer,
): Promise<RecipePlan> {
  const { forecast, config, classOf } = await foreseeConversion(source, dtype, safetyChecker);
  let sourceBytes = forecast.sourceBytes;
  for (const { file } of loras) {
    const opened = await file.open();
    sourceBytes += opened.size;
    await opened.close?.();
  }
  return {
    forecast: { ...forecast, sourceBytes },
    config,
    needs: pictureNeeds(config, classOf, size),
    plan: planGeneration({ ...pictureOf(config, classOf, size), ...machine }),
  };
}

function pictureSize({ sizes = FLUX_SRPO_SIZES, defaults }: ModelRecipe): ImageSize {
  return sizes[defaults.size];
}

function pictureOf(config: ModelConfig, classes: WeightClass | ClassOf, size: ImageSize): PlanInput {
  return { config, parts: shapePartSizes(config, classes), size, textTokens: LIMITS.max_sequence_length[1] };
}

function pictureNeeds(config: ModelConfig, classes: WeightClass | ClassOf, size: ImageSize): PictureNeeds {
  const picture = pictureOf(config, classes, size);
  const denoiser = planGeneration({ ...picture, budget: Number.POSITIVE_INFINITY }).phases.denoise.bytes;
  const needed = (budget: number) => planGeneration({ ...picture, budget }).peak;
  return { size, memory: needed(denoiser), least: needed(1) };
}
