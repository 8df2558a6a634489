import { f } from '../fround.ts';

/**
 * One Euler step of the flow: x + (σ_next − σ)·v, rounded operation by operation as in diffusers.
 * x(σ) = (1 − σ)·picture + σ·noise: the velocity dx/dσ is noise − picture, and σ falls from 1 to 0.
 * @param latents `[…]` at noise level `sigma`
 * @param velocity same shape
 * @returns a new array, the latents at noise level `sigmaNext`
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/schedulers/scheduling_flow_match_euler_discrete.py `step`
 */
export function eulerStep(
  latents: Float32Array,
  velocity: Float32Array,
  sigma: number,
  sigmaNext: number,
): Float32Array<ArrayBuffer> {
  return addScaled(latents, velocity, f(f(sigmaNext) - f(sigma)));
}

/** The picture the model sees behind the noise, x0 = x − σ·v, in latent space; for previews. */
export function predictX0(latents: Float32Array, velocity: Float32Array, sigma: number): Float32Array<ArrayBuffer> {
  return addScaled(latents, velocity, -f(sigma));
}

function addScaled(latents: Float32Array, velocity: Float32Array, factor: number): Float32Array<ArrayBuffer> {
  if (velocity.length !== latents.length) {
    throw new RangeError(`velocity must have ${latents.length} values like the latents, got ${velocity.length}`);
  }
  const out = new Float32Array(latents.length);
  // Storing rounds the sum; the product needs its own rounding.
  for (let i = 0; i < out.length; i++) out[i] = latents[i]! + f(factor * velocity[i]!);
  return out;
}
