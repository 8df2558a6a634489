import type { WeightClass } from '@flux-srpo/core';

/** Weights of one block along the input features. */
export { QUANT_BLOCK as BLOCK } from '../graphs/weights.ts';

/** The classes whose weights are codes and scales. */
export type BlockClass = Extract<WeightClass, 'q8' | 'q4' | 'q4m'>;

/** Rounds a scale to the dtype it will be stored in, so that codes are fitted to the scale the reader sees. */
export type RoundScale = (scale: number) => number;

/**
 * One way to store rows in blocks of 32, in MatMulNBits' layout.
 *
 * Rows are [N, K] finite float32, K a multiple of 32, so that no block crosses a row; scales are [N, K/32].
 */
export interface BlockQuantizer {
  /** Each block's scale, rounded by `round`. */
  scales(rows: Float32Array, round: RoundScale): Float32Array<ArrayBuffer>;
  /** [N, K/32, 32·bits/8], first element in the low bits: the codes nearest to `rows` under `scales`. */
  codes(rows: Float32Array, scales: Float32Array): Uint8Array<ArrayBuffer>;
  /** [N, K], what a reader makes of them. */
  dequantize(codes: Uint8Array, scales: Float32Array): Float32Array;
}

/** Smallest normal and largest finite half float. */
const F16_MIN_NORMAL = 2 ** -14;
const F16_MAX = 65504;

/** Multiplying by it and subtracting leaves a double's upper 11 bits, a half float's precision (Veltkamp's splitting). */
const SPLIT_11 = 2 ** 42 + 1;

/** Rounds to a half float's precision, whatever the exponent: {@link scaleDtype} says whether the exponents fit too. */
export function roundF16(value: number): number {
  const spread = value * SPLIT_11;
  return spread - (spread - value);
}

/** The dtype that holds scales rounded by {@link roundF16} exactly: F16 unless one would be subnormal or overflow there. */
export function scaleDtype(scales: Float32Array): 'F16' | 'F32' {
  for (const scale of scales) {
    const magnitude = Math.abs(scale);
    if (magnitude !== 0 && (magnitude < F16_MIN_NORMAL || magnitude > F16_MAX)) return 'F32';
  }
  return 'F16';
}
