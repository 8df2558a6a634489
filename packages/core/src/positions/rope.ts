import type { Grid } from '../picture/geometry.ts';

/** Rotation angles of FLUX's three position axes, as tables for interleaved pairs (2k, 2k + 1). */
export interface RopeTables {
  /** `[S, D/2]`: pairs of axis 0 (always position 0), then rows, then columns. */
  cos: Float32Array<ArrayBuffer>;
  /** `[S, D/2]` */
  sin: Float32Array<ArrayBuffer>;
}

export interface RopeOptions {
  theta?: number;
  /** Text tokens before the image, at position 0: they are not rotated. Default 0. */
  textTokens?: number;
}

/**
 * Rope tables for `textTokens` text tokens followed by the image's tokens, row by row.
 *
 * angle = position · theta^(−2k/d), in float64 as diffusers does, rounded once.
 * @param grid image tokens (H/16 rows of W/16)
 * @param axesDims rotary dimensions of (unused, row, column); each even
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/embeddings.py `get_1d_rotary_pos_embed`
 */
export function ropeTables(
  grid: Grid,
  axesDims: readonly [number, number, number],
  { theta = 10000, textTokens = 0 }: RopeOptions = {},
): RopeTables {
  const pairs = (axesDims[0] + axesDims[1] + axesDims[2]) / 2;
  const tokens = textTokens + grid.height * grid.width;
  const cos = new Float32Array(tokens * pairs).fill(1);
  const sin = new Float32Array(tokens * pairs);
  const firstRowPair = axesDims[0] / 2;
  const firstColumnPair = firstRowPair + axesDims[1] / 2;

  const rotate = (index: number, position: number, k: number, dims: number): void => {
    const angle = position * (1 / theta ** ((2 * k) / dims));
    cos[index] = Math.cos(angle);
    sin[index] = Math.sin(angle);
  };

  let at = textTokens * pairs;
  for (let row = 0; row < grid.height; row++) {
    for (let column = 0; column < grid.width; column++, at += pairs) {
      for (let k = 0; k < axesDims[1] / 2; k++) rotate(at + firstRowPair + k, row, k, axesDims[1]);
      for (let k = 0; k < axesDims[2] / 2; k++) rotate(at + firstColumnPair + k, column, k, axesDims[2]);
    }
  }
  return { cos, sin };
}
