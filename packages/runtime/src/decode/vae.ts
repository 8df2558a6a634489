import { type ImageSize, latentGrid, unpackLatents, type VaeConfig } from '@flux-srpo/core';
import { type Feed, type Phase, TensorScope } from '../phase.ts';
import { hostTensor } from '../tensor.ts';

/** Stages one decode goes through; progress counts them. */
export function decodeStages(config: VaeConfig): number {
  return config.block_out_channels.length + 2;
}

/**
 * Latents to pixels.
 *
 * @param latents packed, [S_img, 64]
 * @returns [3, H, W], nominally in [−1, 1], not clamped
 */
export async function decodeLatents(
  phase: Phase,
  config: VaeConfig,
  latents: Float32Array,
  size: ImageSize,
  onStage: () => void,
): Promise<Float32Array> {
  const { height, width } = latentGrid(size);
  const scaled = unscale(unpackLatents(latents, config.latent_channels, { height, width }), config);
  const scope = new TensorScope();
  try {
    const start = hostTensor([1, config.latent_channels, height, width], scaled);
    const first = await phase.run('vae_in', { latents: start }, ['hidden'], { next: 'vae_up.0' });
    let hidden: Feed = scope.replace('hidden', first.hidden);
    onStage();
    const levels = config.block_out_channels.length;
    for (let level = 0; level < levels; level++) {
      const next = level + 1 < levels ? `vae_up.${level + 1}` : 'vae_out';
      const { hidden_out } = await phase.run(`vae_up.${level}`, { hidden }, ['hidden_out'], { next });
      hidden = scope.replace('hidden', hidden_out);
      onStage();
    }
    const { image } = await phase.run('vae_out', { hidden }, ['image']);
    const pixels = await phase.read(scope.replace('hidden', image));
    onStage();
    return pixels;
  } finally {
    scope.release();
  }
}

/** z / scaling_factor + shift_factor in float32, as diffusers' pipeline does before its decoder. */
function unscale(latents: Float32Array, { scaling_factor, shift_factor }: VaeConfig): Float32Array {
  const scale = Math.fround(scaling_factor);
  const shift = Math.fround(shift_factor);
  return latents.map((z) => Math.fround(Math.fround(z / scale) + shift));
}
