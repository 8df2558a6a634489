import { offsetColumns, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import type { OffsetBlocks } from './offset-blocks.ts';

/** The code that means zero. */
const ZERO = 8;

/**
 * Takes the offsets of `q4m` out of their columns: the same weights as `q4k`.
 * @param codes [N, K'/32, 16], low nibble first; K' is K with the columns of the offsets
 * @param scales [N, K'/32]
 */
export function splitOffsets(codes: Uint8Array, scales: Float32Array, inFeatures: number): OffsetBlocks {
  const { blocks, padded } = offsetColumns(inFeatures);
  const width = storedWidth(inFeatures, 'q4m');
  const count = (2 * codes.length) / width;
  const split = {
    codes: new Uint8Array((count * inFeatures) / 2),
    scales: new Float32Array(count * blocks),
    offsets: new Float32Array(count * blocks),
  };
  const value = (at: number): number => {
    const pair = codes[at >> 1]!;
    return ((at & 1 ? pair >> 4 : pair & 15) - ZERO) * scales[Math.floor(at / QUANT_BLOCK)]!;
  };
  for (let row = 0; row < count; row++) {
    const start = row * width;
    split.codes.set(codes.subarray(start / 2, (start + inFeatures) / 2), (row * inFeatures) / 2);
    split.scales.set(scales.subarray(start / QUANT_BLOCK, start / QUANT_BLOCK + blocks), row * blocks);
    for (let block = 0; block < blocks; block++) {
      const at = start + inFeatures + block;
      split.offsets[block * count + row] = value(at) + value(at + padded);
    }
  }
  return split;
}
