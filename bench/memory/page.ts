import { FLUX1_DEV, type MemoryPlan } from '@flux-srpo/core';
import { createPipeline, createWebGpuBackend, type GenerateRequest } from '@flux-srpo/runtime';
import {
  type CountedPhases,
  computeNothing,
  countingBackend,
  countPhases,
  watchBuffers,
} from '../../test/support/counted-memory.ts';
import { type ZeroClass, zeroBundle } from '../../test/support/zero-bundle.ts';

/** What `memory.ts` sends to the page. */
export interface CountOptions {
  dtype: ZeroClass;
  budget: number;
  request: GenerateRequest;
  /** Numbers of double blocks, single blocks and T5 layers. */
  blocks: [number, number, number];
  /** True computes every dispatch, which only small pictures finish. */
  compute: boolean;
}

declare global {
  interface Window {
    countMemory: (
      options: CountOptions,
    ) => Promise<{ plan: MemoryPlan; counted: Partial<CountedPhases>; failure?: string }>;
  }
}

window.countMemory = async ({ dtype, budget, request, blocks, compute }) => {
  const [num_layers, num_single_layers, layers] = blocks;
  const config = {
    ...FLUX1_DEV,
    transformer: { ...FLUX1_DEV.transformer, num_layers, num_single_layers },
    text_encoder_2: { ...FLUX1_DEV.text_encoder_2, num_layers: layers },
  };
  watchBuffers();
  if (!compute) computeNothing();
  const backend = await createWebGpuBackend({ selfTest: false });
  const bundle = await zeroBundle(config, dtype);
  const pipeline = await createPipeline({ bundle, backend: countingBackend(backend), memoryBudget: budget });
  const plan = pipeline.plan(request);
  const counted: Partial<CountedPhases> = {};
  try {
    await countPhases(pipeline, request, counted);
    return { plan, counted };
  } catch (error) {
    return { plan, counted, failure: String(error) };
  } finally {
    await pipeline.dispose();
  }
};
