import { f } from '../fround.ts';

const LN_MAX_PERIOD = f(-Math.log(10000));

/**
 * Two of the 128 frequencies that PyTorch's float32 exp (Intel MKL) rounds up where the nearest
 * float32 is below, seen with torch 2.13.0 at every CPU capability. At timestep 1000 the other
 * rounding of the first would move its angle, and with it the embedding, by 3e-5.
 */
const ROUNDED_UP = new Map([
  [12, 0.4216965138912201],
  [106, 0.0004869675321970135],
]);

/** Width of the sinusoidal embedding in every FLUX.1 model. */
export const TIMESTEP_DIMS = 256;

/**
 * Sinusoidal embedding of noise levels or guidance: [cos | sin] of 1000·value·10000^(−i/128).
 *
 * The ×1000 is applied here, once, in float32. A sigma goes through `modelTimestep` first; guidance
 * goes in as it is (3.5).
 * @param values R numbers
 * @returns `[R, dims]`
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/embeddings.py `get_timestep_embedding`
 */
export function sinusoidalEmbedding(values: readonly number[], dims = TIMESTEP_DIMS): Float32Array<ArrayBuffer> {
  const half = dims / 2;
  const frequencies = Array.from({ length: half }, (_, i) => frequency(i, half));
  const out = new Float32Array(values.length * dims);
  for (let row = 0; row < values.length; row++) {
    const timestep = f(1000 * f(values[row]!));
    for (let i = 0; i < half; i++) {
      const angle = f(timestep * frequencies[i]!);
      out[row * dims + i] = Math.cos(angle);
      out[row * dims + half + i] = Math.sin(angle);
    }
  }
  return out;
}

/**
 * A sigma as the model receives it. diffusers' scheduler multiplies it by 1000 and its pipeline
 * divides it again, and both round to float32. Angles reach 1000 radians, so the one unit this
 * moves some sigmas by shows as 6e-5 in the embedding.
 */
export function modelTimestep(sigma: number): number {
  return f(f(f(sigma) * 1000) / 1000);
}

function frequency(i: number, half: number): number {
  const exact = f(Math.exp(f(f(LN_MAX_PERIOD * i) / half)));
  return half === TIMESTEP_DIMS / 2 ? (ROUNDED_UP.get(i) ?? exact) : exact;
}
