import type { Progress } from '@flux-srpo/core';
import {
  createPipeline,
  encodePicture,
  type GenerateRequest,
  type Pipeline,
  pictureSettings,
} from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { breakable, type Fault, held } from './support/breakable.ts';
import { type BundleFolder, convertInMemory, openInMemory } from './support/bundle.ts';
import { readPipelineFixture } from './support/fixture.ts';
import { readNodeFixture } from './support/node-fixtures.ts';
import { synthesizeFolder } from './support/synthesize.ts';

const NOTHING = { devices: 0, sessions: 0, tensors: 0, buffers: 0, bytes: 0, weightBytes: 0 };
const REQUEST: GenerateRequest = {
  prompt: 'a red house',
  size: { width: 48, height: 32 },
  steps: 2,
  seed: 3,
  n: 2,
  maxSequenceLength: 24,
};

let files: BundleFolder;
let fault: Fault;
let pipeline: Pipeline;

beforeAll(async () => {
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'q8' });
});

async function open(memoryBudget?: number): Promise<void> {
  fault = { runsLeft: 0, runs: 0 };
  const backend = breakable(await createNodeBackend({ threads: 1 }), fault);
  pipeline = await createPipeline({ bundle: await openInMemory(files), backend, memoryBudget });
}

const counts = () => held(pipeline.backend.ledger.snapshot());

afterEach(() => pipeline.dispose());

async function pictures(request: GenerateRequest = REQUEST): Promise<Uint8Array[]> {
  const result = await pipeline.generate(request);
  return result.images.map((image, i) => encodePicture(image, pictureSettings(result, i, pipeline.bundle)));
}

/** A prompt that no earlier call has used: remembered prompts skip the text encoders. */
let prompts = 0;
const fresh = (): GenerateRequest => ({ ...REQUEST, prompt: `a blue boat ${++prompts}` });

describe.each([
  ['weights that stay', undefined],
  ['weights that are given back', 0],
] as const)('with %s', (_, memoryBudget) => {
  it.each<[string, (progress: Progress) => boolean]>([
    ['loading', ({ stage }) => stage === 'load'],
    ['encoding', ({ stage }) => stage === 'encode'],
    ['the first block of the first step', (p) => p.stage === 'denoise' && p.step === 0 && p.block === 1],
    ['the last block of the last step', (p) => p.stage === 'denoise' && p.step === 1 && p.block === p.blocks],
    ['decoding', ({ stage }) => stage === 'decode'],
  ])('frees everything after a cancel while %s', async (_stage, when) => {
    await open(memoryBudget);
    if (when({ stage: 'load', loaded: 0, total: 0, part: '' })) await pipeline.unload();
    else await pictures();
    const baseline = counts();
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const onProgress = (progress: Progress) => {
      if (when(progress)) controller.abort(reason);
    };
    await expect(pipeline.generate(fresh(), { signal: controller.signal, onProgress })).rejects.toBe(reason);
    if (baseline.sessions === 0) await pipeline.unload();
    expect(counts()).toEqual(baseline);
    expect(await pictures()).toHaveLength(2);
  });

  it('frees everything after a failure at any run, and draws the same picture afterwards', async () => {
    await open(memoryBudget);
    const before = await pictures();
    const baseline = counts();
    fault.runs = 0;
    await pictures(fresh());
    const { runs } = fault;
    expect(runs).toBeGreaterThan(20);
    for (let at = 1; at <= runs; at++) {
      fault.runsLeft = at;
      await expect(pipeline.generate(fresh())).rejects.toThrow('planted failure');
      expect(counts(), `after a failure at run ${at} of ${runs}`).toEqual(baseline);
    }
    expect(await pictures()).toEqual(before);
  });

  it('gives the same bytes for the same seed, and others for another', async () => {
    await open(memoryBudget);
    const first = await pictures();
    expect(await pictures()).toEqual(first);
    expect(await pictures({ ...REQUEST, seed: 4 })).not.toEqual(first);
    expect(first[0]).not.toEqual(first[1]);
  });
});

it('holds nothing once a generation is over when weights are given back', async () => {
  await open(0);
  await pictures();
  expect(counts()).toEqual(NOTHING);
});

it('holds nothing after unload, and loads again by itself', async () => {
  await open();
  const first = await pictures();
  expect(counts().weightBytes).toBeGreaterThan(0);
  await pipeline.unload();
  expect(counts()).toEqual(NOTHING);
  expect(await pictures()).toEqual(first);
});

it('does not run the text encoders again for a prompt it remembers', async () => {
  await open();
  await pictures();
  fault.runs = 0;
  await pictures({ ...REQUEST, seed: 9 });
  const remembered = fault.runs;
  fault.runs = 0;
  await pictures(fresh());
  const { text_encoder, text_encoder_2 } = pipeline.bundle.manifest.config;
  expect(fault.runs - remembered).toBe(text_encoder.num_hidden_layers + 1 + text_encoder_2.num_layers + 1);
});

it('runs one generation at a time, in the order they came', async () => {
  await open();
  const order: number[] = [];
  await Promise.all([1, 2, 3].map(async (seed) => order.push((await pipeline.generate({ ...REQUEST, seed })).seed)));
  expect(order).toEqual([1, 2, 3]);
});
