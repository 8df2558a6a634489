import type { Grid } from './geometry.ts';

/**
 * Folding the latent image into tokens and back: each 2×2 patch of cells is one token, features
 * ordered (channel, patch row, patch column).
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/sampling.py "b c (h ph) (w pw) -> b (h w) (c ph pw)"
 */

/**
 * @param latentImage `[C, h, w]`
 * @param grid latent cells h and w; both even
 * @returns `[S_img, C·4]`, tokens row by row, features (c, ph, pw)
 */
export function packLatents(latentImage: Float32Array, channels: number, grid: Grid): Float32Array<ArrayBuffer> {
  const out = new Float32Array(latentImage.length);
  forEachCell(latentImage.length, channels, grid, (cell, feature) => {
    out[feature] = latentImage[cell]!;
  });
  return out;
}

/**
 * The inverse of `packLatents`.
 * @param latents `[S_img, C·4]`
 * @returns `[C, h, w]`
 */
export function unpackLatents(latents: Float32Array, channels: number, grid: Grid): Float32Array<ArrayBuffer> {
  const out = new Float32Array(latents.length);
  forEachCell(latents.length, channels, grid, (cell, feature) => {
    out[cell] = latents[feature]!;
  });
  return out;
}

/** Calls `visit` with the index of each value in `[C, h, w]` and in `[S_img, C·4]`. */
function forEachCell(
  length: number,
  channels: number,
  { height, width }: Grid,
  visit: (cell: number, feature: number) => void,
): void {
  if (height % 2 !== 0 || width % 2 !== 0 || length !== channels * height * width) {
    throw new RangeError(`cannot pack ${length} values as [${channels}, ${height}, ${width}] in 2×2 patches`);
  }
  const columns = width / 2;
  let cell = 0;
  for (let c = 0; c < channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let col = 0; col < width; col++) {
        const token = (row >> 1) * columns + (col >> 1);
        visit(cell++, (token * channels + c) * 4 + (row & 1) * 2 + (col & 1));
      }
    }
  }
}
