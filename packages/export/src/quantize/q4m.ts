import { E4M4_LAST, E4M4_VALUES, e4m4Floor } from '@flux-srpo/formats';
import { offsetColumns, storedWidth } from '../graphs/weights.ts';
import { BLOCK } from './blocks.ts';

/*
 * 4-bit blocks with an offset each: weight = (q − 8)·scale + offset.
 *
 * MatMulNBits knows no offset, so it is made of more columns. With A the activations and Σ_b A their sum over block b,
 *
 *   Σ_k A_k·W_k = Σ_k A_k·(q_k − 8)·scale_b(k) + Σ_b Σ_b A·offset_b,
 *
 * and the second sum is a product like the first: of the block sums, which the graph appends to the activations, with
 * the offsets, which are stored as further columns of the same matrix. An offset takes two codes, a coarse one and a
 * fine one, and 32 blocks share the scale of either. Both sums run in one kernel.
 */

/** Rows as they are stored; K' is K with the columns of the offsets. */
export interface OffsetBlocks {
  /** [N, K'/32, 16], low nibble first. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [N, K'/32] as e4m4 floats, times 2^exponent. */
  readonly scales: Uint8Array<ArrayBuffer>;
}

/** The code that means zero, and the ends of the range. */
const ZERO = 8;
const LOWEST = -8;
const HIGHEST = 7;
const STEPS = 15;

/**
 * Scales tried for a block, as shares of (max − min) / 15, with every stored scale between them: a shorter range clips
 * the largest values and is finer for the rest. Beyond these the error fell by less than 1 % in the distributions of
 * bench/quantization.ts.
 */
const WIDEST = 1.04;
const NARROWEST = 0.85;

/** One block's values, and what the search found for them. */
const values = new Float64Array(BLOCK);
const found = { scale: 0, offset: 0, error: 0 };

/**
 * Searches each block's scale and offset for least squared error and quantizes the rows.
 *
 * @param rows [N, K] finite float32
 * @param exponent scales are stored divided by 2^exponent, so that those of unusually large or small weights fit
 */
export function quantizeQ4m(rows: Float32Array, inFeatures: number, exponent = 0): OffsetBlocks {
  const { blocks, padded } = offsetColumns(inFeatures);
  const width = storedWidth(inFeatures, 'q4m');
  const count = rows.length / inFeatures;
  const codes = new Uint8Array((count * width) / 2).fill(ZERO | (ZERO << 4));
  const scales = new Uint8Array((count * width) / BLOCK);
  const unit = 2 ** -exponent;
  const offsets = new Float64Array(blocks);
  const coarse = inFeatures / BLOCK;
  for (let row = 0; row < count; row++) {
    const rowCodes = codes.subarray((row * width) / 2, ((row + 1) * width) / 2);
    const rowScales = scales.subarray((row * width) / BLOCK, ((row + 1) * width) / BLOCK);
    for (let block = 0; block < blocks; block++) {
      readBlock(rows, row * inFeatures + block * BLOCK, unit);
      searchBlock();
      rowScales[block] = found.scale;
      offsets[block] = found.offset;
    }
    for (let group = 0; group * BLOCK < blocks; group++) {
      const first = group * BLOCK;
      const own = offsets.subarray(first, first + BLOCK);
      const { coarseScale, fineScale } = offsetScales(own);
      rowScales[coarse + group] = coarseScale;
      rowScales[coarse + padded / BLOCK + group] = fineScale;
      quantizeOffsets(
        own,
        coarseScale,
        fineScale,
        rowCodes,
        (inFeatures + first) / 2,
        (inFeatures + padded + first) / 2,
      );
    }
    for (let block = 0; block < blocks; block++) {
      readBlock(rows, row * inFeatures + block * BLOCK, unit);
      writeCodes(E4M4_VALUES[rowScales[block]!]!, offsets[block]!, rowCodes, (block * BLOCK) / 2);
    }
  }
  return { codes, scales };
}

/**
 * What a reader makes of the blocks.
 *
 * @param codes [N, K'/32, 16]
 * @param scales [N, K'/32]
 * @returns [N, K]
 */
export function dequantizeQ4m(codes: Uint8Array, scales: Float32Array, inFeatures: number): Float32Array {
  const { blocks, padded } = offsetColumns(inFeatures);
  const width = storedWidth(inFeatures, 'q4m');
  const count = (2 * codes.length) / width;
  const rows = new Float32Array(count * inFeatures);
  const value = (row: number, column: number): number => {
    const at = row * width + column;
    const pair = codes[at >> 1]!;
    return ((at & 1 ? pair >> 4 : pair & 15) - ZERO) * scales[Math.floor(at / BLOCK)]!;
  };
  for (let row = 0; row < count; row++) {
    for (let block = 0; block < blocks; block++) {
      const offset = value(row, inFeatures + block) + value(row, inFeatures + padded + block);
      for (let i = 0; i < BLOCK; i++) {
        const column = block * BLOCK + i;
        rows[row * inFeatures + column] = value(row, column) + offset;
      }
    }
  }
  return rows;
}

/**
 * The exponent that brings weights up to `largest` into the range of e4m4 scales; 0 for all usual ones.
 * A block much smaller than the largest gets the smallest scale: its error is a 2⁻¹² of the tensor's range at most.
 */
export function scaleExponent(largest: number): number {
  if (largest === 0 || (largest >= 2 ** -6 && largest < 8)) return 0;
  return Math.floor(Math.log2(largest));
}

function readBlock(rows: Float32Array, start: number, unit: number): void {
  for (let i = 0; i < BLOCK; i++) values[i] = rows[start + i]! * unit;
}

/**
 * Leaves the best scale (a code) and offset of `values` in `found`. For each scale four grids are laid, a quarter of a step
 * apart, around the middle of the range. For given codes q and a scale s the best offset is the mean of x − s·q, and the error
 * it leaves is Σ(x − s·q)² − (Σ(x − s·q))² / 32: sums that one pass collects for all four.
 */
function searchBlock(): void {
  let low = values[0]!;
  let high = low;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < BLOCK; i++) {
    const x = values[i]!;
    if (x < low) low = x;
    if (x > high) high = x;
    sum += x;
    squares += x * x;
  }
  found.scale = 0;
  found.offset = 0;
  if (squares === 0) return;
  const step = (high - low) / STEPS;
  const middle = (high + low) / 2;
  found.error = Number.POSITIVE_INFINITY;
  const last = e4m4Floor(step * NARROWEST);
  for (let code = e4m4Floor(step * WIDEST); code >= last; code--) {
    const scale = E4M4_VALUES[code]!;
    const inverse = 1 / scale;
    // The middle lies between codes 7 and 8; truncation takes the place of rounding, since 0.5 is added.
    const base = ZERO - middle * inverse;
    const base0 = base - 0.375;
    const base1 = base - 0.125;
    const base2 = base + 0.125;
    const base3 = base + 0.375;
    let codes0 = 0;
    let codes1 = 0;
    let codes2 = 0;
    let codes3 = 0;
    let products0 = 0;
    let products1 = 0;
    let products2 = 0;
    let products3 = 0;
    for (let i = 0; i < BLOCK; i++) {
      const x = values[i]!;
      const t = x * inverse;
      let q = (t + base0) | 0;
      q = q < 0 ? 0 : Math.min(q, STEPS);
      codes0 += q * (1 + (q << SQUARES_SHIFT));
      products0 += x * q;
      q = (t + base1) | 0;
      q = q < 0 ? 0 : Math.min(q, STEPS);
      codes1 += q * (1 + (q << SQUARES_SHIFT));
      products1 += x * q;
      q = (t + base2) | 0;
      q = q < 0 ? 0 : Math.min(q, STEPS);
      codes2 += q * (1 + (q << SQUARES_SHIFT));
      products2 += x * q;
      q = (t + base3) | 0;
      q = q < 0 ? 0 : Math.min(q, STEPS);
      codes3 += q * (1 + (q << SQUARES_SHIFT));
      products3 += x * q;
    }
    consider(code, scale, sum, squares, codes0, products0);
    consider(code, scale, sum, squares, codes1, products1);
    consider(code, scale, sum, squares, codes2, products2);
    consider(code, scale, sum, squares, codes3, products3);
  }
}

/** Σq of a block (480 at most) and Σq² (7200 at most) are collected in one integer: Σq + Σq²·2¹⁰. */
const SQUARES_SHIFT = 10;

function consider(code: number, scale: number, sum: number, squares: number, codes: number, products: number): void {
  const codeSum = codes & ((1 << SQUARES_SHIFT) - 1);
  const codeSquares = codes >>> SQUARES_SHIFT;
  const rest = sum - scale * codeSum;
  const error = squares - 2 * scale * products + scale * scale * codeSquares - (rest * rest) / BLOCK;
  if (error >= found.error) return;
  found.error = error;
  found.scale = code;
  found.offset = rest / BLOCK + ZERO * scale;
}

/** Scales for up to 32 offsets: coarse steps reach the largest, fine ones half a coarse step. 0 where all offsets are. */
function offsetScales(offsets: Float64Array): { coarseScale: number; fineScale: number } {
  let largest = 0;
  for (const offset of offsets) largest = Math.max(largest, Math.abs(offset));
  if (largest === 0) return { coarseScale: 0, fineScale: 0 };
  const coarseScale = e4m4Above(largest / (HIGHEST + 0.5));
  return { coarseScale, fineScale: e4m4Above(E4M4_VALUES[coarseScale]! / STEPS) };
}

function e4m4Above(value: number): number {
  return Math.min(e4m4Floor(value) + 1, E4M4_LAST);
}

/** Writes the codes of up to 32 offsets, and replaces each by what its codes mean. */
function quantizeOffsets(
  offsets: Float64Array,
  coarseScale: number,
  fineScale: number,
  codes: Uint8Array,
  coarseAt: number,
  fineAt: number,
): void {
  const coarse = E4M4_VALUES[coarseScale]!;
  const fine = E4M4_VALUES[fineScale]!;
  for (let i = 0; i < offsets.length; i++) {
    const upper = coarse === 0 ? 0 : nearestLevel(offsets[i]! / coarse);
    const lower = fine === 0 ? 0 : nearestLevel((offsets[i]! - upper * coarse) / fine);
    offsets[i] = upper * coarse + lower * fine;
    setNibble(codes, coarseAt + (i >> 1), i & 1, upper + ZERO);
    setNibble(codes, fineAt + (i >> 1), i & 1, lower + ZERO);
  }
}

function setNibble(codes: Uint8Array, at: number, isHigh: number, code: number): void {
  codes[at] = isHigh ? (codes[at]! & 15) | (code << 4) : (codes[at]! & 0xf0) | code;
}

/** The codes nearest to `values`. */
function writeCodes(scale: number, offset: number, codes: Uint8Array, at: number): void {
  const inverse = scale === 0 ? 0 : 1 / scale;
  const base = ZERO + 0.5 - offset * inverse;
  for (let i = 0; i < BLOCK; i += 2) {
    let low = (values[i]! * inverse + base) | 0;
    low = low < 0 ? 0 : Math.min(low, STEPS);
    let high = (values[i + 1]! * inverse + base) | 0;
    high = high < 0 ? 0 : Math.min(high, STEPS);
    codes[at + (i >> 1)] = low | (high << 4);
  }
}

function nearestLevel(x: number): number {
  return Math.max(LOWEST, Math.min(HIGHEST, Math.round(x)));
}
