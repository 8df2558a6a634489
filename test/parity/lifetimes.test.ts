import { isFluxError, type Progress } from '@flux-srpo/core';
import {
  type Backend,
  createPipeline,
  encodePicture,
  type GenerateRequest,
  type Pipeline,
  pictureSettings,
} from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { breakable, type Fault, held } from '../support/breakable.ts';
import { type BundleFolder, convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { synthesizeFolder } from '../support/synthesize.ts';

const NOTHING = { devices: 0, sessions: 0, tensors: 0, buffers: 0, bytes: 0, weightBytes: 0 };
const REQUEST: GenerateRequest = {
  prompt: 'a red house',
  // Small, so that the decoder needs less than the denoiser.
  size: { width: 32, height: 16 },
  steps: 2,
  seed: 3,
  n: 2,
  maxSequenceLength: 24,
};

/**
 * Bytes: less than all weights take, more than the largest phase takes for {@link REQUEST}. A test
 * below asserts this.
 */
const RELEASE_BUDGET = 1_500_000;
/** Bytes: less than the denoiser takes with all its blocks, enough for it with two of them. */
const STREAMED_BUDGET = 1_180_000;
const BUDGETS = { keep: undefined, release: RELEASE_BUDGET, streamed: STREAMED_BUDGET } as const;

let files: BundleFolder;
let fault: Fault;
let pipeline: Pipeline;

beforeAll(async () => {
  const fixture = await readPipelineFixture(readNodeFixture, 'a-3x32');
  files = await convertInMemory(await synthesizeFolder(readNodeFixture, fixture), { dtype: 'q8' });
});

async function open(memoryBudget?: number, keepsWeights?: boolean): Promise<void> {
  fault = { runsLeft: 0, runs: 0 };
  const backend = breakable(await createNodeBackend({ threads: 1 }), fault);
  pipeline = await createPipeline({ bundle: await openInMemory(files), backend, memoryBudget, keepsWeights });
}

const counts = () => held(pipeline.backend.ledger.snapshot());

afterEach(() => pipeline.dispose());

async function pictures(request: GenerateRequest = REQUEST): Promise<Uint8Array[]> {
  const result = await pipeline.generate(request);
  return result.images.map((image, i) => encodePicture(image, pictureSettings(result, i, pipeline.bundle)));
}

/** A prompt that no earlier call has used, because remembered prompts skip the text encoders. */
let prompts = 0;
const fresh = (): GenerateRequest => ({ ...REQUEST, prompt: `a blue boat ${++prompts}` });

describe.each([
  ['weights that stay', undefined],
  ['weights that are given back', RELEASE_BUDGET],
  ['weights that are streamed', STREAMED_BUDGET],
] as const)('with %s', (_, memoryBudget) => {
  it.each<[string, (progress: Progress) => boolean]>([
    ['loading', ({ stage }) => stage === 'load'],
    ['encoding', ({ stage }) => stage === 'encode'],
    ['the first block of the first step', (p) => p.stage === 'denoise' && p.step === 0 && p.block === 1],
    ['the last block of the last step', (p) => p.stage === 'denoise' && p.step === 1 && p.block === p.blocks],
    ['decoding', ({ stage }) => stage === 'decode'],
  ])('starts nothing and frees everything after a cancel while %s', async (_stage, when) => {
    await open(memoryBudget);
    if (when({ stage: 'load', loaded: 0, total: 0, part: '', fraction: 0, text: '' })) await pipeline.unload();
    else await pictures();
    const baseline = counts();
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    let runsAtAbort: number | undefined;
    const onProgress = (progress: Progress) => {
      if (!when(progress)) return;
      controller.abort(reason);
      runsAtAbort ??= fault.runs;
    };
    await expect(pipeline.generate(fresh(), { signal: controller.signal, onProgress })).rejects.toBe(reason);
    // Events come between runs: the one that was under way has ended, and no other began.
    expect(fault.runs).toBe(runsAtAbort);
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

it.each([RELEASE_BUDGET, STREAMED_BUDGET])(
  'holds nothing once a generation is over within %i bytes',
  async (memoryBudget) => {
    await open(memoryBudget);
    await pictures();
    expect(counts()).toEqual(NOTHING);
  },
);

it('holds no phase’s weights beside another’s for one picture, however much memory there is', async () => {
  await open();
  const before = await pictures();
  const kept = pipeline.backend.ledger.snapshot().peakWeightBytes;
  await pipeline.dispose();
  await open(undefined, false);
  expect(await pictures()).toEqual(before);
  expect(counts()).toEqual(NOTHING);
  const { denoise } = pipeline.plan(REQUEST).phases;
  // The denoiser's are the most. The ledger also counts the prompt and the rope tables, 9 KB.
  expect(pipeline.backend.ledger.snapshot().peakWeightBytes).toBeLessThan(denoise.weights + 10_000);
  expect(denoise.weights + 10_000).toBeLessThan(kept);
});

it('draws the same picture however weights are held, with the weights that the plan says', async () => {
  const drawn: Uint8Array[][] = [];
  const peaks: number[] = [];
  for (const [residency, memoryBudget] of Object.entries(BUDGETS)) {
    await open(memoryBudget);
    const { keep, phases } = pipeline.plan(REQUEST);
    expect([keep, phases.denoise.mode]).toEqual([
      residency === 'keep',
      residency === 'streamed' ? 'streamed' : 'resident',
    ]);
    drawn.push(await pictures());
    const { peakWeightBytes } = pipeline.backend.ledger.snapshot();
    const all = Object.values(phases);
    const largestCopy = phases.denoise.weights - phases.denoise.totalWeights;
    const planned = keep
      ? all.reduce((sum, { totalWeights }) => sum + totalWeights, 0) + largestCopy
      : Math.max(...all.map(({ weights }) => weights));
    // The plan allows for a copy of the largest part beside all others. Here the largest is packed
    // first, when most of the others are not there yet. The ledger also counts the prompt and the
    // rope tables, 9 KB.
    expect(peakWeightBytes).toBeGreaterThan(0.8 * planned);
    expect(peakWeightBytes).toBeLessThan(planned + 10_000);
    peaks.push(peakWeightBytes);
    await pipeline.dispose();
  }
  expect(drawn[1]).toEqual(drawn[0]);
  expect(drawn[2]).toEqual(drawn[0]);
  // Two of three blocks and a copy, against all three and a copy.
  expect(peaks[2]).toBeLessThan(peaks[1] as number);
  expect(peaks[1]).toBeLessThan(0.5 * (peaks[0] as number));
});

it('gives back the weights of smaller pictures before one that needs the room', async () => {
  await open(3_000_000);
  const small = await pictures();
  expect(counts().weightBytes).toBeGreaterThan(0);
  const large = { ...REQUEST, size: { width: 64, height: 64 } };
  expect(pipeline.plan(large).keep).toBe(false);
  await pipeline.generate(large);
  expect(counts()).toEqual(NOTHING);
  expect(await pictures()).toEqual(small);
});

it('refuses before it loads anything what does not fit the budget, with numbers', async () => {
  await open(STREAMED_BUDGET);
  const large = { ...REQUEST, size: { width: 64, height: 64 } };
  const refusal = pipeline.plan(large).refusals.find(({ phase }) => phase === 'decode');
  const error = await pipeline.generate(large).catch((thrown: unknown) => thrown);
  if (!isFluxError(error, 'device/limit-too-small')) throw error;
  expect(error.details).toMatchObject({ limit: 'budget', offered: STREAMED_BUDGET, needed: refusal?.needed });
  expect(error.message).toMatch(
    /^decode of 2 pictures of 64x64 needs \d+ bytes .* the budget is 1180000; 1 of 32x32 would fit$/,
  );
  expect(fault.runs).toBe(0);
  expect(counts()).toEqual(NOTHING);
  expect(await pictures()).toHaveLength(2);
  await expect(open(0)).rejects.toThrow('memoryBudget must be a number of bytes above 0, got 0');
});

it('reads a block while the one before it runs', async () => {
  await open(STREAMED_BUDGET);
  const order: string[] = [];
  const { weights } = pipeline.bundle;
  pipeline.bundle.weights = (part) => {
    order.push(`read ${part}`);
    return weights(part);
  };
  const onProgress = (progress: Progress) => {
    if (progress.stage === 'denoise') order.push(`ran ${progress.block}`);
  };
  await pipeline.generate({ ...REQUEST, steps: 3 }, { onProgress });
  const events = order.filter((event) => /^ran|_block\./.test(event) && !event.includes('modulation'));
  // The first step also loads graphs, one at a time with the runs.
  const pass = (next: string[]) => ['read single_block.0', 'ran 1', 'read single_block.1', 'ran 2', ...next, 'ran 3'];
  const later = events.slice(events.indexOf('ran 3') + 1);
  expect(later).toEqual([...pass(['read double_block.0']), ...pass([])]);
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

it('refuses what is asked of it while a generation runs, and is as before when that has ended', async () => {
  await open();
  const before = await pictures();
  const running = pipeline.generate(fresh());
  const busy = 'one thing at a time';
  await expect(pipeline.generate(REQUEST)).rejects.toThrow(busy);
  await expect(pipeline.unload()).rejects.toThrow(busy);
  await expect(pipeline.prepare()).rejects.toThrow(busy);
  expect((await running).images).toHaveLength(2);
  expect(await pictures()).toEqual(before);
});

it('is disposed once what runs has ended', async () => {
  await open();
  const running = pipeline.generate(REQUEST);
  await pipeline.dispose();
  expect((await running).images).toHaveLength(2);
  expect(counts()).toEqual(NOTHING);
});

it('closes every phase, its backend and its bundle, though one phase cannot be closed', async () => {
  const inner = await createNodeBackend({ threads: 1 });
  const closed: string[] = [];
  const backend: Backend = {
    ...inner,
    async openStage(label) {
      const stage = await inner.openStage(label);
      const close = async () => {
        closed.push(label);
        await stage.close();
        if (label === 'text') throw new Error('the text encoders are stuck');
      };
      return { ...stage, close };
    },
    dispose: () => inner.dispose().finally(() => closed.push('backend')),
  };
  const bundle = await openInMemory(files);
  const own = await createPipeline({
    bundle: { ...bundle, close: () => bundle.close().finally(() => closed.push('bundle')) },
    backend,
  });
  await own.generate(REQUEST);
  await expect(own.dispose()).rejects.toThrow('the text encoders are stuck');
  expect(closed).toEqual(['text', 'denoise', 'decode', 'backend', 'bundle']);
  expect(inner.ledger.snapshot()).toMatchObject(NOTHING);
});
