import { FLUX1_DEV, type ModelConfig, PLAN_PHASES } from '@flux-srpo/core';
import { createPipeline, createWebGpuBackend, type GenerateRequest } from '@flux-srpo/runtime';
import { expect, it } from 'vitest';
import { computeNothing, countingBackend, countPhases } from '../support/counted-memory.ts';
import { zeroBundle } from '../support/zero-bundle.ts';

// Oracle: a count of every `createBuffer` and `destroy` of a generation at full width and size. The
// model has as many of FLUX.1's blocks as just exceed the budget. Nothing is computed.
// bench/memory.ts counts the whole model.

const SAMPLE: ModelConfig = {
  ...FLUX1_DEV,
  transformer: { ...FLUX1_DEV.transformer, num_layers: 8, num_single_layers: 2 },
  text_encoder: { ...FLUX1_DEV.text_encoder, num_hidden_layers: 2 },
  text_encoder_2: { ...FLUX1_DEV.text_encoder_2, num_layers: 2 },
};
const REQUEST: GenerateRequest = {
  prompt: 'a red house',
  size: { width: 1024, height: 1024 },
  steps: 1,
  seed: 1,
  maxSequenceLength: 512,
};
const BUDGET = 2e9;

it('allocates in each phase of a 1024x1024 picture what was planned, within 2 GB', async () => {
  computeNothing();
  const backend = countingBackend(await createWebGpuBackend({ selfTest: false }));
  const pipeline = await createPipeline({ bundle: await zeroBundle(SAMPLE, 'q4'), backend, memoryBudget: BUDGET });
  try {
    const { phases, decodeTile } = pipeline.plan(REQUEST);
    expect([phases.denoise.mode, decodeTile]).toEqual(['streamed', 48]);
    const counted = await countPhases(pipeline, REQUEST);
    for (const phase of PLAN_PHASES) {
      const { peakBytes } = counted[phase];
      console.log(`${phase}: ${phases[phase].bytes} bytes planned, ${peakBytes} counted`);
      expect(Math.abs(phases[phase].bytes / peakBytes - 1), phase).toBeLessThan(0.05);
      expect(peakBytes).toBeLessThan(BUDGET);
    }
  } finally {
    await pipeline.dispose();
  }
});
