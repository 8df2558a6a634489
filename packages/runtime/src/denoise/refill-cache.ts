import { splitBatch } from '../generation/batch.ts';
import type { ComputedStep } from '../generation/checkpoint.ts';
import type { Denoiser } from './denoiser.ts';
import { predictVelocity } from './predict-velocity.ts';

/**
 * Leaves the step cache as an earlier denoiser left its own: the last step that was computed is
 * computed again, which an empty cache never skips.
 *
 * @param n pictures in `computed.latents`
 */
export async function refillCache(denoiser: Denoiser, computed: ComputedStep, n: number): Promise<void> {
  const { step, latents } = computed;
  await predictVelocity(denoiser, { latents: splitBatch(latents, n), step, onBlock: () => undefined });
}
