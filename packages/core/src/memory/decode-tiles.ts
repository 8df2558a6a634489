import { type Grid, PIXELS_PER_LATENT } from '../picture/geometry.ts';

/*
 * A picture that is too large to be decoded whole is cut as diffusers cuts it: into square tiles of
 * latents that overlap by a quarter and are blended linearly where they overlap.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/autoencoders/autoencoder_kl.py `tiled_decode`
 */

/** Tile sizes to try, in latents per side, largest first. Larger tiles leave fainter seams. */
export const DECODE_TILES: readonly number[] = [64, 48, 32];

/** The share of a tile's side that it has in common with the next tile. */
const OVERLAP = 0.25;

/** A tile in the picture's latent cells. Those at the right and lower edges may be smaller. */
export interface Tile extends Grid {
  top: number;
  left: number;
}

/** Latents from one tile's start to the next one's. */
export function tileStride(tile: number): number {
  return Math.floor(tile * (1 - OVERLAP));
}

/** Pixels over which a tile fades into the next. */
export function tileBlend(tile: number): number {
  return Math.floor(tile * PIXELS_PER_LATENT * OVERLAP);
}

/**
 * Rows of tiles, top to bottom, each from left to right.
 * @param tile latents per side; the last tile of a row or column may be any smaller
 */
export function decodeTiles({ height, width }: Grid, tile: number): Tile[][] {
  const starts = (length: number) =>
    Array.from({ length: Math.ceil(length / tileStride(tile)) }, (_, i) => i * tileStride(tile));
  return starts(height).map((top) =>
    starts(width).map((left) => ({
      top,
      left,
      height: Math.min(tile, height - top),
      width: Math.min(tile, width - left),
    })),
  );
}
