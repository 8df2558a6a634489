import { QUANT_BLOCK } from '@flux-srpo/core';
import { arrayOf, type Numbers } from '../tensors/numbers.ts';
import { type Kernels, kernels, ROWS_AT, reserve, SLICE } from './wasm-module.ts';

/** Rows as blocks of codes and scales. */
export interface QuantizedBlocks<Scales> {
  readonly codes: Uint8Array<ArrayBuffer>;
  readonly scales: Scales;
  /** Largest |x|, or a value that is not finite: then codes and scales mean nothing. */
  readonly largest: number;
}

/** Copies rows in as float32, filled up to a whole block. `room`: bytes needed behind them. */
export function stage(wasm: Kernels, rows: Numbers, start: number, end: number, room: number): ArrayBuffer {
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
export function fromBits(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** Two 4-bit codes of zero in a byte. */
export const ZEROS = 0x88;
