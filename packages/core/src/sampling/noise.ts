import type { Grid } from '../picture/geometry.ts';
import { packLatents } from '../picture/latents.ts';
import { torchRandn } from './torch-randn.ts';

/** Channels of FLUX's latent image. */
const LATENT_CHANNELS = 16;

/**
 * The starting latents of `n` pictures: ONE draw of `[n, 16, h, w]`, as diffusers makes with one
 * generator, then packed.
 * @param grid latent cells; both even
 * @returns `[n, S_img, 64]`
 */
export function fluxNoise(seed: number | bigint, n: number, grid: Grid): Float32Array<ArrayBuffer> {
  const perImage = LATENT_CHANNELS * grid.height * grid.width;
  const noise = torchRandn(seed, n * perImage);
  const latents = new Float32Array(noise.length);
  for (let i = 0; i < n; i++) {
    const image = noise.subarray(i * perImage, (i + 1) * perImage);
    latents.set(packLatents(image, LATENT_CHANNELS, grid), i * perImage);
  }
  return latents;
}
