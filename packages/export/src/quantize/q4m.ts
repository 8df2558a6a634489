import { offsetColumns, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { arrayOf, type Numbers } from '../tensors/numbers.ts';
import { fromBits, type QuantizedBlocks, stage, ZEROS } from './staging.ts';
import { kernels, ROWS_AT, SLICE } from './wasm-module.ts';

/**
 * 4-bit blocks with an offset each: weight = (q − 8)·scale + offset, both searched for least
 * squared error.
 *
 * MatMulNBits has no offsets, so they become further columns. With A the activations and Σ_b A
 * their sum over block b,
 *
 *   Σ_k A_k·W_k = Σ_k A_k·(q_k − 8)·scale_b(k) + Σ_b Σ_b A·offset_b,
 *
 * and the second sum is a product like the first. The graph appends the block sums to the
 * activations, and the offsets are stored as further columns of the same matrix, so both sums run
 * in one kernel. An offset takes a coarse and a fine code; 32 blocks share the scale of either.
 * @param rows [N, K], K a multiple of 32
 * @param exponent scales are stored divided by 2^exponent, so that those of unusually large or
 *   small weights fit
 * @returns codes [N, K'/32, 16], low nibble first, and scales [N, K'/32] as e4m4; K' is K with the
 *   columns of the offsets
 */
export function quantizeQ4m(rows: Numbers, inFeatures: number, exponent = 0): QuantizedBlocks<Uint8Array<ArrayBuffer>> {
  const wasm = kernels();
  const { blocks, padded } = offsetColumns(inFeatures);
  const width = storedWidth(inFeatures, 'q4m');
  const count = arrayOf(rows).length / inFeatures;
  const codes = new Uint8Array((count * width) / 2);
  const scales = new Uint8Array((count * width) / QUANT_BLOCK);
  let largest = 0;
  const atOnce = Math.max(1, Math.floor(SLICE / inFeatures));
  for (let row = 0; row < count; row += atOnce) {
    const these = Math.min(atOnce, count - row);
    const offsetsAt = ROWS_AT + 4 * these * inFeatures;
    const codesAt = offsetsAt + 4 * blocks;
    const scalesAt = codesAt + (these * width) / 2;
    const end = scalesAt + (these * width) / QUANT_BLOCK;
    const buffer = stage(wasm, rows, row * inFeatures, (row + these) * inFeatures, end - offsetsAt);
    largest = Math.max(largest, wasm.largestBits(ROWS_AT, these * blocks));
    const theirCodes = new Uint8Array(buffer, codesAt, (these * width) / 2).fill(ZEROS);
    wasm.q4m(ROWS_AT, these, inFeatures, padded, 2 ** -exponent, offsetsAt, codesAt, scalesAt);
    codes.set(theirCodes, (row * width) / 2);
    scales.set(new Uint8Array(buffer, scalesAt, (these * width) / QUANT_BLOCK), (row * width) / QUANT_BLOCK);
  }
  return { codes, scales, largest: fromBits(largest) };
}

/**
 * The exponent that brings weights up to `largest` into the range of e4m4 scales; 0 for usual
 * weights. A block with much smaller weights gets the smallest scale, so its error is at most 2⁻¹²
 * of the tensor's range.
 */
export function scaleExponent(largest: number): number {
  if (largest === 0 || (largest >= 2 ** -6 && largest < 8)) return 0;
  return Math.max(LEAST_EXPONENT, Math.floor(Math.log2(largest)));
}

/** The reciprocal of a scale is 2¹⁴ at most; times 2¹⁰⁰ it is still a float32. */
const LEAST_EXPONENT = -100;
