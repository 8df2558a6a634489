import type { MemoryPlan, Progress } from '@flux-srpo/core';
import { createPipeline, type GenerateRequest, type GenerateResult, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterEach, describe, expect, it } from 'vitest';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

// What a progress bar needs: a fraction of the whole call that never falls and ends at 1, and words
// that name no part of a bundle.

const REQUEST: GenerateRequest = {
  prompt: 'a red house',
  size: { width: 48, height: 32 },
  steps: 3,
  seed: 3,
  maxSequenceLength: 24,
};

const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
const files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'q8' });
let pipeline: Pipeline;

async function open(memoryBudget?: number): Promise<void> {
  const bundle = await openInMemory(files);
  // Every step but the first may be skipped.
  Object.assign(bundle.manifest, { step_cache: { regular: 10, high: 10 } });
  pipeline = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }), memoryBudget });
}

afterEach(() => pipeline.dispose());

async function watch(request: GenerateRequest): Promise<{ events: Progress[]; result: GenerateResult }> {
  const events: Progress[] = [];
  const result = await pipeline.generate(request, { onProgress: (progress) => events.push(progress) });
  return { events, result };
}

/** Opens the pipeline with the largest of the tried budgets for which `is` holds. */
async function openWhere(request: GenerateRequest, is: (plan: MemoryPlan) => boolean): Promise<void> {
  for (let budget = 40e6; budget > 1e5; budget *= 0.97) {
    await open(Math.floor(budget));
    const plan = pipeline.plan(request);
    if (plan.refusals.length === 0 && is(plan)) return;
    await pipeline.dispose();
  }
  throw new Error('no budget gives such a plan');
}

function expectWhole(events: readonly Progress[]): void {
  const fractions = events.map(({ fraction }) => fraction);
  expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  expect(fractions[0]).toBeGreaterThan(0);
  expect(fractions.at(-1)).toBe(1);
  expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
  for (const { text } of events) expect(text).toMatch(/^(Loading|Encoding|Preparing|Denoising|Decoding) [\w ]+|, step/);
  expect(events.map(({ text }) => text).join()).not.toMatch(/[._]/);
}

const stagesOf = (events: readonly Progress[]) => new Set(events.map(({ stage }) => stage));

describe('the progress of a generation', () => {
  it.each<[string, GenerateRequest]>([
    ['one picture', REQUEST],
    ['three pictures', { ...REQUEST, n: 3 }],
    ['one step', { ...REQUEST, steps: 1 }],
  ])('rises to 1: %s', async (_, request) => {
    await open();
    const { events } = await watch(request);
    expectWhole(events);
    expect(stagesOf(events)).toEqual(new Set(['load', 'encode', 'denoise', 'decode']));
    const steps = events.filter((event) => event.stage === 'denoise');
    expect(steps.at(-1)!.text).toBe(`Denoising, step ${request.steps} of ${request.steps}`);
  });

  it('rises to 1 where steps are skipped', async () => {
    await open();
    const { events, result } = await watch({ ...REQUEST, steps: 4, acceleration: 'high' });
    expect(result.skippedSteps).toBe(3);
    expectWhole(events);
  });

  it('rises to 1 where weights are streamed', async () => {
    // So small that the decoder needs less than the denoiser.
    const small = { ...REQUEST, size: { width: 32, height: 16 } };
    await openWhere(small, ({ phases }) => phases.denoise.mode === 'streamed');
    expectWhole((await watch(small)).events);
    expectWhole((await watch({ ...small, seed: 4 })).events);
  });

  it('rises to 1 where the picture is decoded in tiles', async () => {
    const large = { ...REQUEST, size: { width: 384, height: 272 }, steps: 1, n: 2 };
    await openWhere(large, ({ decodeTile }) => decodeTile !== undefined);
    const { events, result } = await watch(large);
    expect(result.plan.decodeTile).toBeDefined();
    expectWhole(events);
    expect(events.filter(({ stage }) => stage === 'decode').length).toBeGreaterThan(2 * 8);
  });

  it('starts at the denoiser for a prompt that is remembered, with weights that stayed', async () => {
    await open();
    const first = await watch(REQUEST);
    const { events } = await watch({ ...REQUEST, seed: 4 });
    expectWhole(events);
    expect(stagesOf(events)).toEqual(new Set(['encode', 'denoise', 'decode']));
    expect(events.every(({ text }) => !text.startsWith('Encoding the prompt'))).toBe(true);
    // Nothing is loaded and no prompt is encoded, so the same steps are a greater share of the
    // whole.
    const share = (of: readonly Progress[]) => {
      const steps = of.filter(({ stage }) => stage === 'denoise');
      return steps.at(-1)!.fraction - steps[0]!.fraction;
    };
    expect(share(events)).toBeGreaterThan(1.5 * share(first.events));
  });
});
