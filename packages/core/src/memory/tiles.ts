import { type Grid, PIXELS_PER_LATENT } from '../picture/geometry.ts';

/*
 * How a picture that is too large to be decoded whole is cut, as diffusers cuts it: square tiles of latents that overlap by a quarter,
 * blended linearly where they do.
 *
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/autoencoders/autoencoder_kl.py `tiled_decode`
 */

const OVERLAP = 0.25;

/** A tile in latent cells of the whole picture; ragged where the picture ends. */
export interface Tile extends Grid {
  top: number;
  left: number;
}

/** Latents from one tile's start to the next's. */
export function tileStride(tile: number): number {
  return Math.floor(tile * (1 - OVERLAP));
}

/** Pixels over which a tile fades into the next. */
export function tileBlend(tile: number): number {
  return Math.floor(tile * PIXELS_PER_LATENT * OVERLAP);
}

/** Rows of tiles, top to bottom, each from left to right. `tile`: latents on a side; the last of a row or column may be any smaller. */
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
