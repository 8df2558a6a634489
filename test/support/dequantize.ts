import { offsetColumns, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import type { OffsetBlocks } from '../../packages/export/src/quantize/offset-blocks.ts';

/** The codes that mean zero. */
const ZERO_OF_8_BITS = 128;
const ZERO = 8;

/**
 * What a reader makes of 8-bit blocks: (q − 128)·scale.
 *
 * @param codes [N, K/32, 32]
 * @param scales [N, K/32]
 * @returns [N, K]
 */
export function dequantizeQ8(codes: Uint8Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(codes.length);
  for (let i = 0; i < rows.length; i++) rows[i] = (codes[i]! - ZERO_OF_8_BITS) * scales[Math.floor(i / QUANT_BLOCK)]!;
  return rows;
}

/**
 * What a reader makes of symmetric 4-bit blocks: (q − 8)·scale.
 *
 * @param codes [N, K/32, 16], low nibble first
 * @param scales [N, K/32]
 * @returns [N, K]
 */
export function dequantizeQ4(codes: Uint8Array, scales: Float32Array): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(codes.length * 2);
  for (let i = 0; i < rows.length; i += 2) {
    const pair = codes[i / 2]!;
    const scale = scales[Math.floor(i / QUANT_BLOCK)]!;
    rows[i] = ((pair & 15) - ZERO) * scale;
    rows[i + 1] = ((pair >> 4) - ZERO) * scale;
  }
  return rows;
}

/**
 * What a reader makes of 4-bit blocks with offsets: (q − 8)·scale + offset.
 *
 * @param codes [N, K'/32, 16], low nibble first; K' is K with the columns of the offsets
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
    return ((at & 1 ? pair >> 4 : pair & 15) - ZERO) * scales[Math.floor(at / QUANT_BLOCK)]!;
  };
  for (let row = 0; row < count; row++) {
    for (let block = 0; block < blocks; block++) {
      const offset = value(row, inFeatures + block) + value(row, inFeatures + padded + block);
      for (let i = 0; i < QUANT_BLOCK; i++) {
        const column = block * QUANT_BLOCK + i;
        rows[row * inFeatures + column] = value(row, column) + offset;
      }
    }
  }
  return rows;
}

/**
 * What a reader makes of `q4k`: (q − 8)·scale + offset of the block.
 *
 * @returns [N, K]
 */
export function dequantizeQ4k({ codes, scales, offsets }: OffsetBlocks, inFeatures: number): Float32Array<ArrayBuffer> {
  const rows = new Float32Array(codes.length * 2);
  const blocks = inFeatures / QUANT_BLOCK;
  const count = rows.length / inFeatures;
  for (let row = 0, at = 0; row < count; row++) {
    for (let block = 0; block < blocks; block++) {
      const scale = scales[row * blocks + block]!;
      const offset = offsets[block * count + row]!;
      for (const end = at + QUANT_BLOCK; at < end; at += 2) {
        const pair = codes[at / 2]!;
        rows[at] = ((pair & 15) - ZERO) * scale + offset;
        rows[at + 1] = ((pair >> 4) - ZERO) * scale + offset;
      }
    }
  }
  return rows;
}
