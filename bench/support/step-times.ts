import type { ImageSize } from '@flux-srpo/core';
import { type Backend, type BundleFiles, createPipeline, openBundle } from '@flux-srpo/runtime';

export interface StepRequest {
  prompt: string;
  size: ImageSize;
  steps: number;
  guidance: number;
  textTokens: number;
}

/**
 * Milliseconds of each denoising step of one picture. A picture of two steps comes first, which
 * makes the sessions and warms the caches.
 */
export async function stepTimes(files: BundleFiles, backend: Backend, request: StepRequest): Promise<number[]> {
  const pipeline = await createPipeline({ bundle: await openBundle(files), backend });
  try {
    const generate = async (steps: number) => {
      const { timings } = await pipeline.generate({
        prompt: request.prompt,
        size: request.size,
        steps,
        guidance: request.guidance,
        seed: 1,
        maxSequenceLength: request.textTokens,
      });
      return timings.steps;
    };
    await generate(2);
    return await generate(request.steps);
  } finally {
    await pipeline.dispose();
  }
}
