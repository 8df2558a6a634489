import { formatBytes, type RecipeEntry } from 'flux-srpo';
import { element, make } from '../elements.ts';

/** Which recipe is chosen at first: the least to read. */
const FIRST = 'srpo-q4';

const NETWORKS = { transformer: 'Transformer', t5: 'T5', clip: 'CLIP', vae: 'VAE' } as const;

/** Lists the recipes. The result reads the choice. */
export function showRecipes(recipes: readonly RecipeEntry[]): () => RecipeEntry {
  element('recipe-list', HTMLDivElement).replaceChildren(...recipes.map(item));
  choose(FIRST);
  return () => recipes.find(({ id }) => radio(id).checked) ?? recipes[0]!;
}

export function choose(id: string): void {
  radio(id).checked = true;
}

function radio(id: string): HTMLInputElement {
  return element(`recipe-of-${id}`, HTMLInputElement);
}

function item({ id, name, what, bytes, needs }: RecipeEntry): HTMLLabelElement {
  const figures = `Reads ${formatBytes(bytes.read)}, stores ${formatBytes(bytes.written)}, needs ${formatBytes(needs.least)} to ${formatBytes(needs.memory)} of memory.`;
  return make(
    'label',
    { className: 'recipe', htmlFor: `recipe-of-${id}` },
    make('input', { type: 'radio', id: `recipe-of-${id}`, name: 'recipe', value: id }),
    make(
      'span',
      {},
      make('strong', { textContent: `${name} ` }),
      make('code', { textContent: id }),
      // The texts are for the command line too, which marks names so.
      make('span', { className: 'quiet', textContent: what.replaceAll('`', '') }),
      make('span', { className: 'quiet', textContent: figures }),
    ),
  );
}

/** Shows what to know of a recipe before anything is read. */
export function describeRecipe(
  { sources, loras = [], licence, notes = [], checked, bytes }: RecipeEntry,
  free: number,
): void {
  const files = Object.entries(NETWORKS).map(([key, label]) => `${label}: ${sources[key as keyof typeof NETWORKS][0]}`);
  const merged = loras.map(({ source, strength }) => `LoRA at strength ${strength}: ${source}`);
  const offer = `${bytes.written > free ? 'That does not fit: the' : 'The'} browser offers this page ${formatBytes(free)} more.`;
  const room = `${formatBytes(bytes.written)} are stored. ${offer}`;
  const link = make('a', { href: licence.url, target: '_blank', rel: 'noreferrer', textContent: licence.id });
  const unchecked = checked ? [] : ['Nobody has compared this list of files with the hub yet.'];
  element('recipe-about', HTMLDListElement).replaceChildren(
    ...entry('From', ...[...files, ...merged].map((text) => make('div', { textContent: text.replace('hf:', '') }))),
    ...entry('Room', make('div', { textContent: room })),
    ...entry('Notes', ...[...notes, ...unchecked].map((text) => make('div', { textContent: text }))),
    ...entry('Licence', make('div', {}, link), make('div', { textContent: licence.notice })),
  );
}

function entry(term: string, ...values: Node[]): HTMLElement[] {
  return values.length === 0 ? [] : [make('dt', { textContent: term }), make('dd', {}, ...values)];
}
