import { readdir, stat, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DeviceError, formatBytes, StorageError, type WeightClass } from '@flux-srpo/core';
import {
  type ConvertNotice,
  findRecipe,
  type ModelRecipe,
  measureRate,
  type OpenedRecipe,
  type OpenRecipeOptions,
  openRecipe,
  planRecipe,
  type RecipePlan,
  requireLicence,
} from '@flux-srpo/export';
import { formatSeconds } from './format.ts';
import { sourceFile } from './source-file.ts';

export interface RecipeOptions extends Pick<OpenRecipeOptions, 'files' | 'tokenizers'> {
  out: string;
  /** In place of the recipe's. */
  dtype?: WeightClass | undefined;
  token?: string | undefined;
  acceptsLicence: boolean;
  /** Goes on where the machine cannot use the result, or has no room for it. */
  anyway: boolean;
  onNotice: (notice: ConvertNotice) => void;
  /** Takes lines for people. */
  say: (line: string) => void;
}

/**
 * Finds a recipe and says what it will do: the licence, what is read and written, how long that
 * takes, and what the result needs. Stops where the licence is not accepted, where the disk has no
 * room, or where this machine could not draw. Until then only headers are read.
 */
export async function prepareRecipe(
  at: string,
  { out, dtype, token, acceptsLicence, anyway, onNotice, say, ...given }: RecipeOptions,
): Promise<OpenedRecipe & { recipe: ModelRecipe }> {
  const found = await findRecipe(at, (source) => sourceFile(source, token));
  const recipe = dtype === undefined ? found.recipe : { ...found.recipe, dtype };
  const { name, what, licence, notes = [] } = recipe;
  say(`${name}: ${what}`);
  requireLicence(recipe, acceptsLicence, 'Read it, and give --accept-license if you accept it.');
  say(`  licence  ${licence.id}, ${licence.url}. ${licence.notice}`);
  if (!recipe.checked) say('  note     Nobody has compared the sources of this recipe with the hub yet.');
  for (const note of notes) say(`  note     ${note}`);

  const opened = await openRecipe(found, { ...given, onNotice });
  const memory = totalmem();
  const plan = await planRecipe(recipe, opened, { budget: memory });
  const missing = Math.max(0, plan.forecast.bytes - (await bytesIn(`${resolve(out)}.partial`)));
  const free = await freeBytes(out);
  const rate = await measureRate(opened.source);
  for (const line of planLines(plan, { out, free, memory, rate })) say(line);
  if (!anyway) {
    requireRoom(out, missing, free);
    requireMemory(plan);
  }
  return { ...opened, recipe };
}

interface Machine {
  out: string;
  free: number;
  memory: number;
  /** Bytes a second that the transformer's file is read at. */
  rate: number | undefined;
}

function planLines({ forecast, needs }: RecipePlan, { out, free, memory, rate }: Machine): string[] {
  const { width, height } = needs.size;
  const time =
    rate === undefined
      ? ''
      : `, about ${formatSeconds(forecast.sourceBytes / rate)} at the ${formatBytes(rate)}/s that were just measured`;
  const slow = needs.memory > memory ? `, slowly: for full speed it would need ${formatBytes(needs.memory)}` : '';
  return [
    `  reads    ${formatBytes(forecast.sourceBytes)}${time}`,
    `  writes   ${formatBytes(forecast.bytes)} to ${out}, where ${formatBytes(free)} are free`,
    `  needs    ${formatBytes(Math.min(needs.memory, memory))} of memory for ${width}x${height}, and this machine has ${formatBytes(memory)}${slow}`,
  ];
}

function requireRoom(out: string, missing: number, free: number): void {
  if (missing <= free) return;
  throw new StorageError(
    `${out} needs ${formatBytes(missing)} of free space, got ${formatBytes(free)}; make room, choose another --out, or give --anyway`,
    { code: 'storage/quota-exceeded', details: { needed: missing, free } },
  );
}

function requireMemory({ plan: { refusals }, needs }: RecipePlan): void {
  const [refusal] = refusals;
  if (refusal === undefined) return;
  throw new DeviceError(
    `this machine cannot draw with the result: ${refusal.message}; choose another recipe, or give --anyway to convert it for another machine`,
    { code: 'device/limit-too-small', details: { needs, refusals: refusals.map(({ message }) => message) } },
  );
}

/** Bytes that an interrupted conversion left. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  return bytes;
}

/** Of the disk that `path` is on, or will be. */
async function freeBytes(path: string): Promise<number> {
  for (let at = resolve(path); ; at = dirname(at)) {
    const disk = await statfs(at).catch(() => undefined);
    if (disk !== undefined) return disk.bavail * disk.bsize;
    if (at === dirname(at)) return Number.POSITIVE_INFINITY;
  }
}
