import { type BlockClass, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { dequantize, GGML_TYPES, type GgmlTypeName, halfAt } from '@flux-srpo/formats';

/** Blocks of 32 weights as whole numbers: level × the block's scale is the weight, exactly. */
export interface Levels {
  readonly levels: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Bits of a level in ggml's types that have blocks of 32 and no minimum. The other types cannot be
 * stored exactly.
 */
const LEVEL_BITS: Readonly<Partial<Record<GgmlTypeName, 4 | 5 | 8>>> = { Q4_0: 4, Q5_0: 5, Q8_0: 8 };

const BITS: Readonly<Record<BlockClass, 4 | 8>> = { q4: 4, q4m: 4, q8: 8 };

/** Whether blocks of a ggml type can be stored in a class without changing any weight. */
export function isExactIn(type: GgmlTypeName, blockClass: BlockClass): boolean {
  return (LEVEL_BITS[type] ?? Number.POSITIVE_INFINITY) <= BITS[blockClass];
}

/** Levels and scales of Q4_0, Q5_0 or Q8_0 blocks. */
export function readLevels(type: GgmlTypeName, blocks: Uint8Array): Levels {
  const { bytes } = GGML_TYPES[type];
  const scales = new Float32Array(blocks.length / bytes);
  // A block whose scale is replaced by 1 dequantizes to its levels.
  const unit = blocks.slice();
  for (let block = 0, at = 0; block < scales.length; block++, at += bytes) {
    scales[block] = halfAt(blocks, at);
    unit[at] = ONE & 255;
    unit[at + 1] = ONE >> 8;
  }
  return { levels: new Int8Array(dequantize(type, unit)), scales };
}

/** 1 as a half float. */
const ONE = 0x3c00;

/**
 * Levels [N, K] as the unsigned codes of a class. Two 4-bit codes share a byte, the first in the
 * low bits. Offsets of `q4m` are 0.
 */
export function packLevels(levels: Int8Array, blockClass: BlockClass, inFeatures: number): Uint8Array {
  if (blockClass === 'q8') return Uint8Array.from(levels, (level) => level + 128);
  const width = storedWidth(inFeatures, blockClass);
  const rows = levels.length / inFeatures;
  const codes = new Uint8Array((rows * width) / 2).fill(0x88);
  for (let row = 0; row < rows; row++) {
    const to = (row * width) / 2;
    const from = row * inFeatures;
    for (let i = 0; 2 * i < inFeatures; i++) {
      codes[to + i] = (levels[from + 2 * i]! + 8) | ((levels[from + 2 * i + 1]! + 8) << 4);
    }
  }
  return codes;
}

/** Scales [N, K/32] followed by zeros for the columns of `q4m`'s offsets. */
export function padScales(scales: Float32Array, blockClass: BlockClass, inFeatures: number): Float32Array {
  const blocks = inFeatures / QUANT_BLOCK;
  const width = storedWidth(inFeatures, blockClass) / QUANT_BLOCK;
  if (width === blocks) return scales;
  const rows = scales.length / blocks;
  const padded = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) padded.set(scales.subarray(row * blocks, (row + 1) * blocks), row * width);
  return padded;
}
