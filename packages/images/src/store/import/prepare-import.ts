import { DEFAULT_WEIGHT_CLASS, DeviceError, isFluxError, type WeightClass } from '@flux-srpo/core';
import {
  type BundleInfo,
  type ConvertNotice,
  FLUX_SRPO_INFO,
  findRecipe,
  type LoraSource,
  type ModelRecipe,
  networkFile,
  openRecipe,
  parseBundleInfo,
  planRecipe,
  type RecipePlan,
  recipeInfo,
  requireLicence,
  type SourceFolder,
} from '@flux-srpo/export';
import { probeAdapter } from '@flux-srpo/runtime/device';
import { checkModelId, opfsUrl } from '../opfs/opfs-models.ts';
import type { ImportInput } from './import-messages.ts';
import { folderSource, givenFiles, networkOptions, openSources } from './open-sources.ts';

/** An import whose sources are known and open. */
export interface PreparedImport {
  readonly id: string;
  readonly url: string;
  readonly info: BundleInfo;
  readonly dtype: WeightClass;
  readonly source: SourceFolder;
  readonly loras: readonly LoraSource[];
  readonly safetyChecker: SourceFolder | undefined;
  /** Absent where no recipe was given. */
  readonly recipe?: ModelRecipe;
}

/**
 * Opens what is imported.
 *
 * @param isLicenceNeeded throws where a recipe's licence is not accepted, before anything is asked
 *   of the hub
 */
export async function prepareImport(
  input: ImportInput,
  isLicenceNeeded: boolean,
  onNotice?: (notice: ConvertNotice) => void,
): Promise<PreparedImport> {
  const { hub, choice } = input;
  const safetyChecker = input.safetyChecker && folderSource(input.safetyChecker, hub);
  if (choice === undefined) {
    const info = input.info === undefined ? FLUX_SRPO_INFO : parseBundleInfo(input.info);
    const source = await openSources(input);
    return {
      ...named(input.id ?? info.model),
      info,
      dtype: input.dtype ?? DEFAULT_WEIGHT_CLASS,
      source,
      loras: [],
      safetyChecker,
    };
  }
  const found = await findRecipe(choice.recipe, (at) => networkFile(at, networkOptions(hub)));
  const recipe = input.dtype === undefined ? found.recipe : { ...found.recipe, dtype: input.dtype };
  if (isLicenceNeeded) {
    requireLicence(recipe, choice.acceptLicence, 'Show it to the user, and import with `acceptLicence: true`.');
  }
  const names = named(input.id ?? recipe.id);
  const tokenizers = input.tokenizers && folderSource(input.tokenizers, hub);
  const opened = await openRecipe(found, { files: givenFiles(input), tokenizers, onNotice });
  const info = parseBundleInfo({ ...recipeInfo(recipe), ...input.info });
  return { ...names, info, dtype: recipe.dtype, ...opened, safetyChecker, recipe };
}

/** What a recipe's model needs, and what this machine has against it: nothing where it can draw. */
export async function planForThisMachine(
  recipe: ModelRecipe,
  opened: Pick<PreparedImport, 'source' | 'loras'>,
): Promise<RecipePlan & { obstacles: string[] }> {
  const adapter = await probeAdapter().catch((error: unknown) => {
    if (isFluxError(error, 'device/')) return error;
    throw error;
  });
  const limits = isFluxError(adapter) ? undefined : adapter.limits;
  const plan = await planRecipe(recipe, opened, { limits });
  const refusals = plan.plan.refusals.map(({ message }) => message);
  return { ...plan, obstacles: isFluxError(adapter) ? [adapter.message] : refusals };
}

/** Throws where this machine could not draw with the model. */
export async function requireMachine(recipe: ModelRecipe, opened: PreparedImport): Promise<void> {
  const { obstacles, needs } = await planForThisMachine(recipe, opened);
  if (obstacles.length === 0) return;
  throw new DeviceError(
    `this machine cannot draw with ${recipe.name}: ${obstacles.join('; ')}; choose another recipe, or import with \`anyway: true\``,
    { code: 'device/limit-too-small', details: { needs, obstacles } },
  );
}

function named(id: string): Pick<PreparedImport, 'id' | 'url'> {
  return { id: checkModelId(id), url: opfsUrl(id) };
}
