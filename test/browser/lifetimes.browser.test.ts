import type { Progress } from '@flux-srpo/core';
import { createPipeline, createWebGpuBackend, type GenerateRequest, type Pipeline } from '@flux-srpo/runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { breakable, type Fault, held } from '../support/breakable.ts';
import { convertInMemory, openInMemory } from '../support/bundle.ts';
import { readPipelineFixture } from '../support/fixture.ts';
import { synthesizeFolder } from '../support/synthesize.ts';
import { readFixture } from './support/browser-fixtures.ts';

// The promises of test/parity/lifetimes.test.ts, on WebGPU, where buffers can be counted.

const REQUEST: GenerateRequest = {
  prompt: 'a red house',
  size: { width: 48, height: 32 },
  steps: 2,
  seed: 3,
  n: 2,
  maxSequenceLength: 24,
};

const fault: Fault = { runsLeft: 0, runs: 0 };
let pipeline: Pipeline;
let prompts = 0;
const fresh = (): GenerateRequest => ({ ...REQUEST, prompt: `a blue boat ${++prompts}` });
const counts = () => held(pipeline.backend.ledger.snapshot());

beforeAll(async () => {
  const fixture = await readPipelineFixture(readFixture, 'a-3x32');
  const files = await convertInMemory(await synthesizeFolder(readFixture, fixture), { dtype: 'q8' });
  // Other files test this adapter's kernels. Here only memory counts.
  const backend = breakable(await createWebGpuBackend({ selfTest: false }), fault);
  pipeline = await createPipeline({ bundle: await openInMemory(files), backend });
  // Twice, because the runtime's buffer pool has its final size only after every shape has been
  // seen.
  for (let i = 0; i < 2; i++) await pipeline.generate(fresh());
});

afterAll(() => pipeline?.dispose());

/**
 * Interrupts twice. Our sessions, tensors and weights must be back at once. The runtime's own
 * pool of work buffers may hold one buffer more after the first interruption, but no more than that
 * afterwards.
 */
async function repeatedly(interrupt: () => Promise<void>): Promise<void> {
  const before = counts();
  await interrupt();
  const first = counts();
  expect({ ...first, buffers: 0, bytes: 0 }).toEqual({ ...before, buffers: 0, bytes: 0 });
  expect(first.buffers - before.buffers).toBeLessThanOrEqual(2);
  await interrupt();
  expect(counts()).toEqual(first);
}

it.each<[string, (progress: Progress) => boolean]>([
  ['encoding', ({ stage }) => stage === 'encode'],
  ['the first block', (p) => p.stage === 'denoise' && p.step === 0 && p.block === 1],
  ['the last block', (p) => p.stage === 'denoise' && p.step === 1 && p.block === p.blocks],
  ['decoding', ({ stage }) => stage === 'decode'],
])(
  'starts nothing and holds the same sessions, tensors and GPU buffers after every cancel while %s',
  async (_stage, when) => {
    const reason = new Error('no longer wanted');
    await repeatedly(async () => {
      const controller = new AbortController();
      let runsAtAbort: number | undefined;
      const onProgress = (progress: Progress) => {
        if (!when(progress)) return;
        controller.abort(reason);
        runsAtAbort ??= fault.runs;
      };
      await expect(pipeline.generate(fresh(), { signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(fault.runs).toBe(runsAtAbort);
    });
  },
);

it('holds the same sessions, tensors and GPU buffers after a failure in each phase', async () => {
  fault.runs = 0;
  const { images } = await pipeline.generate(REQUEST);
  const { runs } = fault;
  await repeatedly(async () => {
    for (const share of [0.05, 0.2, 0.4, 0.6, 0.8, 1]) {
      fault.runsLeft = Math.ceil(runs * share);
      await expect(pipeline.generate(fresh())).rejects.toThrow('planted failure');
    }
  });
  expect((await pipeline.generate(REQUEST)).images).toEqual(images);
});

it('holds nothing after unload', async () => {
  await pipeline.unload();
  const nothing = { devices: 0, sessions: 0, tensors: 0, buffers: 0, bytes: 0, weightBytes: 0 };
  expect(counts()).toEqual(nothing);
});
