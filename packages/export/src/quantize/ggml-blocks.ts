import { type BlockClass, QUANT_BLOCK, storedWidth } from '@flux-srpo/core';
import { dequantize, GGML_TYPES, type GgmlTypeName, halfAt, scaleAndMin } from '@flux-srpo/formats';

/** Blocks of 32 weights as whole numbers: a weight is level · scale + offset of its block. */
export interface Levels {
  readonly levels: Int8Array;
  readonly scales: Float32Array;
  /** Absent where all are 0. */
  readonly offsets?: Float32Array;
}

/** ggml's types whose blocks of 32 a class can hold, code for code. No class holds the others. */
const HELD: Readonly<Record<BlockClass, readonly GgmlTypeName[]>> = {
  q4: ['Q4_0'],
  q4m: ['Q4_0'],
  q4k: ['Q4_0', 'Q4_1', 'Q4_K'],
  q8: ['Q4_0', 'Q5_0', 'Q8_0'],
};

/** Whether blocks of a ggml type can be stored in a class with the same codes. */
export function canHold(blockClass: BlockClass, type: GgmlTypeName): boolean {
  return HELD[blockClass].includes(type);
}

/** Levels, scales and offsets of blocks of a type that some class can hold. */
export function readLevels(type: GgmlTypeName, blocks: Uint8Array): Levels {
  if (type === 'Q4_1') return readQ4_1(blocks);
  if (type === 'Q4_K') return readQ4_K(blocks);
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

/** 4-bit codes are unsigned; a level is a code less this. */
const ZERO = 8;

/** q·d + m */
function readQ4_1(blocks: Uint8Array): Levels {
  const { bytes } = GGML_TYPES.Q4_1;
  const count = blocks.length / bytes;
  const found = emptyLevels(count);
  for (let block = 0, at = 0; block < count; block++, at += bytes) {
    setScale(found, block, halfAt(blocks, at), halfAt(blocks, at + 2));
    for (let j = 0; j < 16; j++) {
      const pair = blocks[at + 4 + j]!;
      found.levels[block * QUANT_BLOCK + j] = (pair & 15) - ZERO;
      found.levels[block * QUANT_BLOCK + j + 16] = (pair >> 4) - ZERO;
    }
  }
  return found;
}

/** (d·sc)·q − dmin·m, eight blocks of 32 under one d and dmin */
function readQ4_K(blocks: Uint8Array): Levels {
  const { bytes, length } = GGML_TYPES.Q4_K;
  const perSuper = length / QUANT_BLOCK;
  const found = emptyLevels((blocks.length / bytes) * perSuper);
  for (let first = 0, at = 0; at < blocks.length; first += perSuper, at += bytes) {
    const d = halfAt(blocks, at);
    const dmin = halfAt(blocks, at + 2);
    for (let j = 0; j < perSuper; j++) {
      const [scale, min] = scaleAndMin(blocks, at + 4, j);
      setScale(found, first + j, d * scale, -dmin * min);
      // Two blocks share 32 bytes: the even one has the low nibbles.
      const codes = at + 16 + (j >> 1) * QUANT_BLOCK;
      const shift = (j & 1) * 4;
      const to = (first + j) * QUANT_BLOCK;
      for (let l = 0; l < QUANT_BLOCK; l++) found.levels[to + l] = ((blocks[codes + l]! >> shift) & 15) - ZERO;
    }
  }
  return found;
}

type OffsetLevels = Required<Levels>;

function emptyLevels(blocks: number): OffsetLevels {
  return {
    levels: new Int8Array(blocks * QUANT_BLOCK),
    scales: new Float32Array(blocks),
    offsets: new Float32Array(blocks),
  };
}

/** Of q·scale + min. Levels lie around zero, so the offset holds 8 · scale besides the minimum. */
function setScale({ scales, offsets }: OffsetLevels, block: number, scale: number, min: number): void {
  scales[block] = scale;
  offsets[block] = min + ZERO * scale;
}

/**
 * Levels [N, K] as the unsigned codes of a class. Two 4-bit codes share a byte, the first in the
 * low bits. Offset columns of `q4m` are 0.
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
      codes[to + i] = (levels[from + 2 * i]! + ZERO) | ((levels[from + 2 * i + 1]! + ZERO) << 4);
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
