import { dequantize, GGML_TYPES, type GgmlTypeName, halfAt } from '@flux-srpo/formats';

/** Blocks of 32 weights as whole-numbered levels, each level × its block's scale being the weight exactly. */
export interface Levels {
  readonly levels: Int8Array;
  readonly scales: Float32Array;
}

/** ggml's types with blocks of 32 and no minimum, with the highest bits a level needs. The others have no exact form here. */
const LEVEL_BITS: Readonly<Partial<Record<GgmlTypeName, 4 | 5 | 8>>> = { Q4_0: 4, Q5_0: 5, Q8_0: 8 };

const BITS = { q4: 4, q8: 8 } as const;

/** Whether blocks of a ggml type can be stored in a class without changing any weight. */
export function isExactIn(type: GgmlTypeName, blockClass: 'q4' | 'q8'): boolean {
  return (LEVEL_BITS[type] ?? Number.POSITIVE_INFINITY) <= BITS[blockClass];
}

/** Takes Q4_0, Q5_0 or Q8_0 blocks apart. */
export function readLevels(type: GgmlTypeName, blocks: Uint8Array): Levels {
  const { bytes } = GGML_TYPES[type];
  const scales = new Float32Array(blocks.length / bytes);
  // Dequantized with a scale of 1 in place of its own, a block is its levels.
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

/** Levels as the codes of a class: unsigned, and two of q4 in a byte, the first in the low bits. */
export function packLevels(levels: Int8Array, blockClass: 'q4' | 'q8'): Uint8Array {
  const codes = new Uint8Array(blockClass === 'q4' ? levels.length / 2 : levels.length);
  if (blockClass === 'q4') {
    for (let i = 0; i < codes.length; i++) codes[i] = (levels[2 * i]! + 8) | ((levels[2 * i + 1]! + 8) << 4);
  } else {
    for (let i = 0; i < codes.length; i++) codes[i] = levels[i]! + 128;
  }
  return codes;
}
