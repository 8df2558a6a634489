import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HubFile, memoryFile, type StandInHub, startHub } from '../../../../test/support/hub.ts';
import {
  EMPTY_TOKENIZERS,
  sparseClip,
  sparseT5,
  sparseTransformer,
  sparseVae,
} from '../../../../test/support/sparse-flux.ts';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertProgress } from '../convert/convert-progress.ts';
import { networkFile } from '../hub/network-file.ts';
import { memoryBundle } from '../test-support/memory.ts';
import { findRecipe, shippedRecipes } from './find-recipe.ts';
import { openRecipe } from './open-recipe.ts';
import { planRecipe } from './recipe-plan.ts';

/** The shipped recipes, with files of the full size that hold true headers and zeros. */

let hub: StandInHub;
beforeAll(async () => {
  hub = await startHub();
  for (const recipe of shippedRecipes()) {
    const { transformer, t5, clip, vae, tokenizer, tokenizer_2 } = recipe.sources;
    put(transformer[0]!, sparseTransformer(quantOf(transformer[0]!) ?? (recipe.id === 'srpo' ? 'F32' : 'BF16')));
    // The hub has FLUX.1's T5 in shards, which the plan's bytes do not depend on.
    put(t5.find((source) => !source.endsWith('.index.json'))!, sparseT5(quantOf(t5[0]!) ?? 'F16'));
    put(clip[0]!, sparseClip());
    put(vae[0]!, sparseVae());
    for (const [folder, files] of [
      ['clip', tokenizer[0]!],
      ['t5', tokenizer_2[0]!],
    ] as const) {
      for (const [name, source] of Object.entries(files)) put(source, textFile(`${folder}/${name}`, name));
    }
    for (const { source } of recipe.loras ?? [])
      put(source, { size: 694_000_000, read: (start, end) => new Uint8Array(end - start) });
  }
});
afterAll(() => hub.close());

const find = (id: string) => findRecipe(id, (at) => networkFile(at, { endpoint: hub.endpoint, redirects: 'by-hand' }));

function bytesServed(): number {
  const ranges = hub.seen.filter(({ status }) => status === 206).map(({ range }) => /(\d+)-(\d+)/.exec(range ?? '')!);
  return ranges.reduce((sum, [, start, last]) => sum + Number(last) + 1 - Number(start), 0);
}

function put(source: string, file: HubFile): void {
  hub.files.set(source.replace('hf:', ''), file);
}

function quantOf(source: string): 'Q4_K' | 'Q8_0' | undefined {
  return /Q8_0/.test(source) ? 'Q8_0' : /Q4_K/.test(source) ? 'Q4_K' : undefined;
}

function textFile(path: string, name: string): HubFile {
  const value = EMPTY_TOKENIZERS[path] ?? EMPTY_TOKENIZERS[name];
  return memoryFile(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)), false);
}

describe('a shipped recipe', () => {
  it.each(shippedRecipes().map(({ id }) => id))('%s says the bytes that its files and its bundle have', async (id) => {
    hub.seen.length = 0;
    const found = await find(id);
    const opened = await openRecipe(found);
    const { forecast, needs, plan } = await planRecipe(found.recipe, opened, {});
    expect(Math.abs(found.recipe.bytes.read / forecast.sourceBytes - 1)).toBeLessThan(0.02);
    expect(Math.abs(found.recipe.bytes.written / forecast.bytes - 1)).toBeLessThan(0.02);
    // Headers and tokenizers, no weights.
    expect(bytesServed()).toBeLessThan(1_000_000);
    expect(needs.least).toBeLessThan(needs.memory);
    expect(plan.refusals).toEqual([]);
    const small = await planRecipe(found.recipe, opened, { budget: needs.least - 1 });
    expect(small.plan.refusals[0]?.message).toMatch(/needs \d+ bytes of device memory at least/);
  });

  it('srpo shows its progress over as many bytes as its plan says', async () => {
    const found = await find('srpo');
    const opened = await openRecipe(found);
    const { forecast } = await planRecipe(found.recipe, opened, {});
    const stop = new AbortController();
    const seen: ConvertProgress[] = [];
    const conversion = convertPipeline(opened.source, memoryBundle(), {
      dtype: found.recipe.dtype,
      loras: opened.loras,
      signal: stop.signal,
      onProgress: (progress) => {
        seen.push(progress);
        if (seen.length === 3) stop.abort(new Error('seen enough'));
      },
    });
    await expect(conversion).rejects.toThrow('seen enough');
    expect(seen.map(({ bytes }) => bytes.total)).toEqual(seen.map(() => forecast.sourceBytes));
    expect(seen.at(-1)).toMatchObject({ parts: { total: 189 }, secondsLeft: expect.any(Number) });
  });
});
