import {
  decodeTiles,
  type Grid,
  type ImageSize,
  latentGrid,
  PARTS,
  PIXELS_PER_LATENT,
  type Tile,
  tileBlend,
  tileStride,
  unpackLatents,
  type VaeConfig,
} from '@flux-srpo/core';
import { hostTensor } from '../host-tensor.ts';
import type { Feed, Phase } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';
import { blendFrom, type DecodedTile, placeTile } from './blend.ts';

/** Graphs that run to decode one picture. `tile` as in {@link DecodeInputs}. */
export function decodeStages(config: VaeConfig, size: ImageSize, tile: number | undefined): number {
  const tiles = tile === undefined ? 1 : decodeTiles(latentGrid(size), tile).flat().length;
  return tiles * (config.block_out_channels.length + 2);
}

export interface DecodeInputs {
  config: VaeConfig;
  /** Packed, [S_img, 64]. */
  latents: Float32Array;
  size: ImageSize;
  /** Latents per side of the tiles to decode one by one; `undefined`: all at once. */
  tile: number | undefined;
  /** Called after each graph that has run. */
  onStage: () => void;
}

/**
 * Latents to pixels.
 * @returns [3, H, W], nominally in [−1, 1], not clamped
 */
export async function decodeLatents(
  phase: Phase,
  { config, latents, size, tile, onStage }: DecodeInputs,
): Promise<Float32Array> {
  const grid = latentGrid(size);
  const scaled = unscale(unpackLatents(latents, config.latent_channels, grid), config);
  if (tile === undefined) return decode(phase, { config, latents: scaled, grid, onStage });

  const picture = { ...size, data: new Float32Array(3 * size.height * size.width) };
  let above: DecodedTile[] = [];
  for (const row of decodeTiles(grid, tile)) {
    const decoded: DecodedTile[] = [];
    for (const place of row) {
      const tileLatents = cut(scaled, config.latent_channels, grid, place);
      const data = await decode(phase, { config, latents: tileLatents, grid: place, onStage });
      const pixels = { height: place.height * PIXELS_PER_LATENT, width: place.width * PIXELS_PER_LATENT, data };
      const upper = above[decoded.length];
      if (upper) blendFrom('above', upper, pixels, tileBlend(tile));
      const left = decoded.at(-1);
      if (left) blendFrom('left', left, pixels, tileBlend(tile));
      const at = { top: place.top * PIXELS_PER_LATENT, left: place.left * PIXELS_PER_LATENT };
      placeTile(picture, pixels, at, tileStride(tile) * PIXELS_PER_LATENT);
      decoded.push(pixels);
    }
    above = decoded;
  }
  return picture.data;
}

interface WholeInputs extends Pick<DecodeInputs, 'config' | 'onStage'> {
  /** [C, h, w], unscaled. */
  latents: Float32Array;
  grid: Grid;
}

async function decode(phase: Phase, { config, latents, grid, onStage }: WholeInputs): Promise<Float32Array> {
  const scope = new TensorScope();
  try {
    const start = hostTensor([1, config.latent_channels, grid.height, grid.width], latents);
    const first = await phase.run(PARTS.vaeIn, { latents: start }, ['hidden'], PARTS.vaeUp(0));
    let hidden: Feed = scope.replace('hidden', first.hidden);
    onStage();
    const levels = config.block_out_channels.length;
    for (let level = 0; level < levels; level++) {
      const next = level + 1 < levels ? PARTS.vaeUp(level + 1) : PARTS.vaeOut;
      const { hidden_out } = await phase.run(PARTS.vaeUp(level), { hidden }, ['hidden_out'], next);
      hidden = scope.replace('hidden', hidden_out);
      onStage();
    }
    const { image } = await phase.run(PARTS.vaeOut, { hidden }, ['image']);
    const pixels = await phase.read(scope.replace('hidden', image));
    onStage();
    return pixels;
  } finally {
    scope.release();
  }
}

/** The latents of one tile: [C, h, w] of [C, H, W]. */
function cut(latents: Float32Array, channels: number, grid: Grid, { top, left, height, width }: Tile): Float32Array {
  const out = new Float32Array(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < height; y++) {
      const start = (channel * grid.height + top + y) * grid.width + left;
      out.set(latents.subarray(start, start + width), (channel * height + y) * width);
    }
  }
  return out;
}

/** z / scaling_factor + shift_factor in float32, as diffusers' pipeline does before its decoder. */
function unscale(latents: Float32Array, { scaling_factor, shift_factor }: VaeConfig): Float32Array {
  const scale = Math.fround(scaling_factor);
  const shift = Math.fround(shift_factor);
  return latents.map((z) => Math.fround(Math.fround(z / scale) + shift));
}
