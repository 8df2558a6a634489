import {
  DEFAULT_WEIGHT_CLASS,
  DeviceError,
  FLUX_SRPO_DEFAULTS,
  FLUX_SRPO_SIZES,
  isFluxError,
  type WeightClass,
} from '@flux-srpo/core';
import {
  type BundleInfo,
  type ConvertNotice,
  completeInfo,
  findRecipe,
  foreseeConversion,
  type LoraSource,
  networkFile,
  openRecipe,
  parseBundleInfo,
  planConversion,
  type RecipePlan,
  recipeInfo,
  requireLicence,
  type SourceFolder,
} from '@flux-srpo/export';
import { probeAdapter } from '@flux-srpo/runtime/device';
import type { LocalBackend } from '../../worker/protocol.ts';
import type { MachineForecast } from '../model-storage.ts';
import { checkModelId, opfsUrl } from '../opfs/opfs-models.ts';
import type { ImportInput } from './import-messages.ts';
import { folderSource, givenFiles, networkOptions, openSources } from './open-sources.ts';

/** An import whose sources are known and open. */
export interface PreparedImport {
  readonly id: string;
  readonly url: string;
  readonly info: Partial<BundleInfo>;
  readonly dtype: WeightClass;
  readonly source: SourceFolder;
  readonly loras: readonly LoraSource[];
  readonly safetyChecker: SourceFolder | undefined;
  /** What may compute the model here, in this order. */
  readonly backends: readonly LocalBackend[];
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
  const { hub, choice, backends } = input;
  const safetyChecker = input.safetyChecker && folderSource(input.safetyChecker, hub);
  if (choice === undefined) {
    const info = parseBundleInfo(input.info ?? {});
    const dtype = input.dtype ?? DEFAULT_WEIGHT_CLASS;
    const source = await openSources(input);
    const model = async () => completeInfo(info, (await foreseeConversion(source, dtype)).config).info.model;
    return {
      ...named(input.id ?? info.model ?? (await model())),
      info,
      dtype,
      source,
      loras: [],
      safetyChecker,
      backends,
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
  const info = { ...recipeInfo(recipe), ...parseBundleInfo(input.info ?? {}) };
  return { ...names, info, dtype: recipe.dtype, ...opened, safetyChecker, backends };
}

/** What the model needs, what computes it here, and what this machine has against it. */
export async function planForThisMachine(opened: PreparedImport): Promise<RecipePlan & { machine: MachineForecast }> {
  const { info, backends } = opened;
  // What is wrong with the sizes of an info, the manifest's check says.
  const { sizes = FLUX_SRPO_SIZES, defaults = FLUX_SRPO_DEFAULTS } = info;
  const size = sizes[defaults.size] ?? FLUX_SRPO_SIZES.landscape_4_3;
  const adapter = !backends.includes('webgpu')
    ? undefined
    : await probeAdapter().catch((error: unknown) => {
        if (isFluxError(error, 'device/')) return error;
        throw error;
      });
  const limits = isFluxError(adapter) ? undefined : adapter?.limits;
  const plan = await planConversion(opened, size, { limits });
  const refusals = isFluxError(adapter) ? [adapter.message] : plan.plan.refusals.map(({ message }) => message);
  const backend = backends.find((name) => name === 'wasm' || refusals.length === 0);
  const machine = { needs: plan.needs, obstacles: backend === undefined ? refusals : [] };
  return { ...plan, machine: backend === undefined ? machine : { ...machine, backend } };
}

/** Throws where this machine could not draw with the model. */
export async function requireMachine(opened: PreparedImport): Promise<void> {
  const { needs, obstacles } = (await planForThisMachine(opened)).machine;
  if (obstacles.length === 0) return;
  throw new DeviceError(
    `this machine cannot draw with ${opened.info.name}: ${obstacles.join('; ')}; choose another recipe, or import with \`anyway: true\``,
    { code: 'device/limit-too-small', details: { needs, obstacles } },
  );
}

function named(id: string): Pick<PreparedImport, 'id' | 'url'> {
  return { id: checkModelId(id), url: opfsUrl(id) };
}
