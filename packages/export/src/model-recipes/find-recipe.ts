import { InputError } from '@flux-srpo/core';
import { isNetworkAddress } from '../hub/hub-address.ts';
import type { SourceFile } from '../sources/combine-sources.ts';
import { type ModelRecipe, parseModelRecipe } from './model-recipe.ts';
import { SHIPPED_RECIPES } from './shipped.ts';

/** Far above any recipe. */
const MAX_RECIPE_BYTES = 1024 * 1024;

/** A recipe, its document's name for messages, and how its sources are opened. */
export interface FoundRecipe {
  readonly recipe: ModelRecipe;
  readonly document: string;
  /** @param source as the recipe has it */
  sourceFile(source: string): SourceFile;
}

/** The recipes that come with the package. */
export function shippedRecipes(): ModelRecipe[] {
  return SHIPPED_RECIPES.map((json) => parseModelRecipe(json, `${json.id}.json`));
}

/**
 * The recipe of this id, or the one in a file.
 *
 * @param at an id, or a path, a URL or `hf:owner/name/path`; or the recipe itself
 * @param fileAt opens what `at` and the recipe's own addresses name
 */
export async function findRecipe(at: unknown, fileAt: (at: string) => SourceFile): Promise<FoundRecipe> {
  if (typeof at !== 'string') return fromNetworkOnly(parseModelRecipe(at, 'recipe'), 'recipe', fileAt);
  const shipped = shippedRecipes().find(({ id }) => id === at);
  if (shipped !== undefined) return fromNetworkOnly(shipped, `${shipped.id}.json`, fileAt);
  if (!isNetworkAddress(at) && !/[/\\]|\.json$/.test(at)) {
    const ids = SHIPPED_RECIPES.map(({ id }) => id).join(', ');
    throw new InputError(`there is no recipe "${at}"; there are ${ids}, or give a recipe's file`, {
      code: 'input/out-of-range',
      details: { field: 'recipe', got: at },
    });
  }
  const file = fileAt(at);
  const recipe = parseModelRecipe(await readJson(file), file.name);
  const sourceFile = (source: string) =>
    isNetworkAddress(source) ? fileAt(source) : (file.beside?.(source) ?? refuse(file.name, source));
  return { recipe, document: file.name, sourceFile };
}

/** Of a recipe that is no file, nothing is beside it. */
function fromNetworkOnly(recipe: ModelRecipe, document: string, fileAt: (at: string) => SourceFile): FoundRecipe {
  const sourceFile = (source: string) => (isNetworkAddress(source) ? fileAt(source) : refuse(document, source));
  return { recipe, document, sourceFile };
}

function refuse(document: string, source: string): never {
  throw new InputError(`${document}: a source must be hf:owner/name/path or an https URL here, got "${source}"`, {
    code: 'input/type',
    details: { document, got: source },
  });
}

async function readJson(file: SourceFile): Promise<unknown> {
  const source = await file.open();
  try {
    if (source.size > MAX_RECIPE_BYTES) {
      throw new InputError(`${file.name} must be a recipe of at most ${MAX_RECIPE_BYTES} bytes, got ${source.size}`, {
        code: 'input/too-large',
        details: { size: source.size },
      });
    }
    return JSON.parse(new TextDecoder().decode(await source.read(0, source.size)));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new InputError(`${file.name} must be a recipe in JSON: ${cause.message}`, { code: 'input/type', cause });
  } finally {
    await source.close?.();
  }
}
