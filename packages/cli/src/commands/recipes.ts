import { formatBytes, formatCount } from '@flux-srpo/core';
import { listRecipes, type RecipeEntry } from '@flux-srpo/export';
import { parseOptions, UsageError } from '../options.ts';

/** Lists the recipes that come with the package. Asks no network. */
export async function runRecipes(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, { json: { type: 'boolean', default: false } });
  if (positionals.length > 0) throw new UsageError(`unexpected argument "${positionals[0]}"`);
  const recipes = listRecipes();
  process.stdout.write(values.json ? `${JSON.stringify(recipes)}\n` : recipes.map(recipeText).join('\n'));
}

function recipeText({
  id,
  what,
  licence,
  sources,
  loras = [],
  dtype,
  bytes,
  defaults,
  needs,
  notes = [],
  ...recipe
}: RecipeEntry): string {
  const { width, height } = needs.size;
  const { transformer, t5, clip, vae } = sources;
  const lines: [string, string][] = [
    ['reads', `${formatBytes(bytes.read)}, writes ${formatBytes(bytes.written)} (${dtype})`],
    [
      'draws',
      `in ${formatCount(defaults.num_inference_steps, 'step')}, guidance ${defaults.guidance_scale}, ${defaults.size}`,
    ],
    [
      'needs',
      `${formatBytes(needs.memory)} of memory for ${width}x${height}, or ${formatBytes(needs.least)} and more time`,
    ],
    ['licence', `${licence.id}, ${licence.url}. ${licence.notice}`],
    ...Object.entries({ transformer, t5, clip, vae }).map(([name, from]): [string, string] => [
      name,
      from.join(', or '),
    ]),
    ...loras.map(({ source, strength, or = [] }): [string, string] => [
      'lora',
      [{ source, strength }, ...or].map((each) => `${each.source} at ${each.strength}`).join(', or '),
    ]),
    ...notes.map((note): [string, string] => ['note', note]),
    ...(recipe.checked ? [] : [['note', 'Nobody has compared these sources with the hub yet.'] as [string, string]]),
  ];
  return `${id}: ${what}\n${lines.map(([name, text]) => `  ${name.padEnd(12)}${text}\n`).join('')}`;
}
