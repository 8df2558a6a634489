import type { RecipeEntry } from 'flux-srpo';
import { element } from '../elements.ts';
import { words } from '../words.ts';
import type { JobRequest } from './import-job.ts';
import type { OwnForm, RecipeForm } from './models-state.ts';
import { readInfo, readSources } from './read-sources.ts';
import { nameOf } from './sort-files.ts';

/**
 * What the form of the recipes asks for. Undefined where a field must be mended, which the browser
 * has then said.
 *
 * @param isImport an import is meant, not only a check
 */
export function readRecipe(
  { recipe, accepted, id, token, hub }: RecipeForm,
  recipes: readonly RecipeEntry[],
  isImport: boolean,
  anyway: boolean,
): JobRequest | undefined {
  for (const field of ['recipe-hub', 'recipe-id']) {
    if (!element(field, HTMLInputElement).checkValidity()) element('recipe-more', HTMLDetailsElement).open = true;
    if (!isValid(field)) return undefined;
  }
  if (isImport && !isValid('recipe-accept')) return undefined;
  const entry = recipes.find((each) => each.id === recipe);
  if (entry === undefined) return undefined;
  return {
    sources: { recipe, acceptLicence: accepted, anyway },
    settings: { id, hub, ...withToken(token) },
    setup: { dtype: entry.dtype, names: [entry.name], recipe },
  };
}

/** What the form of a person's own files asks for. */
export async function readOwn({ chosen, urls, dtype, id, token, hub }: OwnForm): Promise<JobRequest | undefined> {
  if (!isValid('import-id')) return undefined;
  const info = (await readInfo(chosen)) ?? {
    name: id,
    licence: { id: 'unknown', notice: words.own.unnamedNotice },
  };
  const names = [...chosen.map(nameOf), ...Object.values(urls).filter(Boolean).map(lastOf)];
  return {
    sources: readSources(chosen, urls),
    settings: { id, dtype, info, hub, ...withToken(token) },
    setup: { dtype, names },
  };
}

const isValid = (id: string) => element(id, HTMLInputElement).reportValidity();

const withToken = (token: string) => (token === '' ? {} : { token });

/** The last part of an address, without what may be secret of it. */
function lastOf(url: string): string {
  const path = url.replace(/[?#].*/, '');
  return path.split('/').findLast(Boolean) ?? words.own.aUrl;
}
