import { isFluxError, randomSeed } from '@flux-srpo/core';
import type { GenerateOptions, GenerateRequest, GenerateResult, Pipeline } from '@flux-srpo/runtime';

/**
 * Generates, and does it over, once and with the same seed, where the GPU was lost on the way.
 * After any failure of the GPU everything on it is given back, so that the next request starts with
 * new devices.
 */
export async function generateOrRecover(
  pipeline: Pipeline,
  request: GenerateRequest,
  options: GenerateOptions,
): Promise<GenerateResult> {
  const seeded = { ...request, seed: request.seed ?? randomSeed() };
  try {
    return await generateOrUnload(pipeline, seeded, options);
  } catch (error) {
    if (!isFluxError(error, 'device/lost')) throw error;
    return generateOrUnload(pipeline, seeded, options);
  }
}

async function generateOrUnload(...[pipeline, ...call]: Parameters<typeof generateOrRecover>): Promise<GenerateResult> {
  try {
    return await pipeline.generate(...call);
  } catch (error) {
    // The failure is the one to tell, whatever goes wrong after it.
    if (pipeline.backend.name === 'webgpu' && isGpuFailure(error)) await pipeline.unload().catch(() => undefined);
    throw error;
  }
}

function isGpuFailure(error: unknown): boolean {
  return isFluxError(error) && /^(device|inference)\//.test(error.code);
}
