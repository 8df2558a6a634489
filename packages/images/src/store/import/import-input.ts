import { InputError, parseWeightClass } from '@flux-srpo/core';
import { pageBase } from '../../page-base.ts';
import type { LocalBackend } from '../../worker/protocol.ts';
import type { FolderEntries, ImportInput, RecipeChoice, SourceEntry } from './import-messages.ts';
import type { ImportFile, ImportFolder, ImportSettings, ImportSources, RecipeSources } from './import-options.ts';

/**
 * Checks what the caller gave and makes the worker's message of it. URLs become absolute here,
 * where the page's address is known.
 */
export function importInput(
  sources: ImportSources | RecipeSources,
  { id, dtype, info, token, hub }: ImportSettings,
  backends: readonly LocalBackend[],
): ImportInput {
  const { folder, checkpoint }: ImportSources = 'recipe' in sources ? {} : sources;
  const part = (file = checkpoint) => (file === undefined ? undefined : entry(file));
  return {
    id,
    choice: 'recipe' in sources ? recipeChoice(sources) : undefined,
    folder: folder && entries(folder),
    tokenizers: sources.tokenizers && entries(sources.tokenizers),
    safetyChecker: sources.safetyChecker && entries(sources.safetyChecker),
    files: {
      transformer: part(sources.transformer),
      text_encoder: part(sources.clip),
      text_encoder_2: part(sources.t5),
      vae: part(sources.vae),
    },
    dtype: dtype && parseWeightClass(dtype, 'dtype'),
    info,
    hub: { endpoint: hub, token },
    backends,
  };
}

/** A text without a slash or a dot before `json` is an id. */
function recipeChoice({ recipe, acceptLicence = false, anyway = false }: RecipeSources): RecipeChoice {
  const isAddress = recipe instanceof URL || (typeof recipe === 'string' && /[/:]|\.json$/.test(recipe));
  return { recipe: isAddress ? (entry(recipe) as string) : recipe, acceptLicence, anyway };
}

function entries(folder: ImportFolder): FolderEntries {
  const files: [path: string, file: ImportFile][] =
    Symbol.iterator in folder
      ? Array.from(folder as Iterable<File>, (file) => [
          file.webkitRelativePath.split('/').slice(1).join('/') || file.name,
          file,
        ])
      : Object.entries(folder);
  return Object.fromEntries(files.map(([path, file]) => [path, entry(file)]));
}

function entry(file: ImportFile): SourceEntry {
  if (file instanceof File) return file;
  // What is wrong with such an address, the worker says.
  if (typeof file === 'string' && file.startsWith('hf:')) return file;
  const base = pageBase();
  const url = URL.canParse(file, base) ? new URL(file, base) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isOwn(url));
  if (url !== undefined && isSafe && url.username === '' && url.password === '') return url.href;
  throw new InputError(
    `weights must be files, hf:owner/name/path, or https URLs without credentials, got "${url === undefined ? String(file).slice(0, 80) : `${url.protocol}//${url.host}`}"`,
    { code: 'input/type', details: { field: 'sources' } },
  );
}

function isOwn({ origin, hostname }: URL): boolean {
  return origin === globalThis.location?.origin || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
