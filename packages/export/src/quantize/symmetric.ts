import { QUANT_BLOCK } from '@flux-srpo/core';
import { arrayOf, type Numbers } from '../tensors/numbers.ts';
import { fromBits, type QuantizedBlocks, stage } from './staging.ts';
import { kernels, ROWS_AT, SLICE } from './wasm-module.ts';

/**
 * Symmetric 8-bit blocks: value = (q − 128)·scale, scale = max|x| / 127.
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
 * Parameters as for {@link quantizeQ8}.
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
