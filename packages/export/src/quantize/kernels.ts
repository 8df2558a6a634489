import { offsetColumns, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { arrayOf, type Numbers } from '../tensors/numbers.ts';
import { type Kernels, kernels, ROWS_AT, reserve, SLICE } from './wasm-module.ts';

/** Rows as blocks of codes and scales. */
export interface QuantizedBlocks<Scales> {
  readonly codes: Uint8Array<ArrayBuffer>;
  readonly scales: Scales;
  /**
   * Largest |x| of the rows. Where a value is not finite: that value, and codes and scales mean
   * nothing.
   */
  readonly largest: number;
}

/**
 * Copies rows into the module's memory as float32, filled up with zeros to a whole block.
 *
 * @param room bytes that the kernel needs behind the rows
 */
function stage(wasm: Kernels, rows: Numbers, start: number, end: number, room: number): ArrayBuffer {
  const { memory } = wasm;
  const array = arrayOf(rows).subarray(start, end);
  const length = Math.ceil(array.length / QUANT_BLOCK) * QUANT_BLOCK;
  const behind = ROWS_AT + 4 * length;
  reserve(wasm, behind + Math.max(room, 2 * length));
  if (rows instanceof Float32Array) {
    new Float32Array(memory.buffer, ROWS_AT).set(array);
  } else {
    // The halves lie where the results will be written.
    new Uint16Array(memory.buffer, behind).set(array);
    const widen = rows.dtype === 'F16' ? wasm.widenF16 : wasm.widenBf16;
    widen(behind, ROWS_AT, length);
  }
  new Float32Array(memory.buffer, ROWS_AT).fill(0, array.length, length);
  return memory.buffer;
}

/** Largest |x|; where a value is not finite, that value. */
export function largestMagnitude(rows: Numbers): number {
  const wasm = kernels();
  const { length } = arrayOf(rows);
  let largest = 0;
  for (let start = 0; start < length; start += SLICE) {
    const end = Math.min(start + SLICE, length);
    stage(wasm, rows, start, end, 0);
    largest = Math.max(largest, wasm.largestBits(ROWS_AT, Math.ceil((end - start) / QUANT_BLOCK)));
  }
  return fromBits(largest);
}

/** The magnitude with these bits. Magnitudes sort as their bits do, with NaN last. */
function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/**
 * Symmetric 8-bit blocks: value = (q − 128)·scale, scale = max|x| / 127.
 *
 * @param rows [N, K], K a multiple of 32
 * @param halves whether scales are rounded to a half's precision, so that codes are fitted to the
 *   scale the reader sees
 * @returns codes [N, K/32, 32], scales [N, K/32]
 */
export function quantizeQ8(rows: Numbers, halves: boolean): QuantizedBlocks<Float32Array<ArrayBuffer>> {
  return symmetric('q8', rows, halves);
}

/**
 * Symmetric 4-bit blocks: value = (q − 8)·scale, the scale searched for least squared error.
 *
 * @param rows [N, K], K a multiple of 32
 * @param halves whether scales are rounded to a half's precision, so that codes are fitted to the
 *   scale the reader sees
 * @returns codes [N, K/32, 16], low nibble first; scales [N, K/32]
 */
export function quantizeQ4(rows: Numbers, halves: boolean): QuantizedBlocks<Float32Array<ArrayBuffer>> {
  return symmetric('q4', rows, halves);
}

function symmetric(kernel: 'q8' | 'q4', rows: Numbers, halves: boolean): QuantizedBlocks<Float32Array<ArrayBuffer>> {
  const wasm = kernels();
  const perByte = kernel === 'q8' ? 1 : 2;
  const { length } = arrayOf(rows);
  const codes = new Uint8Array(length / perByte);
  const scales = new Float32Array(length / QUANT_BLOCK);
  let largest = 0;
  for (let start = 0; start < length; start += SLICE) {
    const end = Math.min(start + SLICE, length);
    const count = end - start;
    const codesAt = ROWS_AT + 4 * count;
    const scalesAt = codesAt + count / perByte;
    const buffer = stage(wasm, rows, start, end, count / perByte + (4 * count) / QUANT_BLOCK);
    largest = Math.max(largest, wasm.largestBits(ROWS_AT, count / QUANT_BLOCK));
    wasm[kernel](ROWS_AT, count / QUANT_BLOCK, halves, codesAt, scalesAt);
    codes.set(new Uint8Array(buffer, codesAt, count / perByte), start / perByte);
    scales.set(new Float32Array(buffer, scalesAt, count / QUANT_BLOCK), start / QUANT_BLOCK);
  }
  return { codes, scales, largest: fromBits(largest) };
}

/** Two 4-bit codes of zero in a byte. */
const ZEROS = 0x88;

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
 *
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
