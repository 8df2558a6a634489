import { GGML_TYPES, type GgmlTypeName, halfAt } from '@flux-srpo/formats';
import { BLOCK } from './blocks.ts';

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
  const scales = Float32Array.from({ length: blocks.length / bytes }, (_, block) => halfAt(blocks, block * bytes));
  // Dequantized with a scale of 1 in place of its own, a block is its levels.
  const unit = blocks.slice();
  for (let at = 0; at < unit.length; at += bytes) unit.set(ONE, at);
  const values = new Float32Array(scales.length * BLOCK);
  const { dequantize } = GGML_TYPES[type] as { dequantize?: (blocks: Uint8Array, out: Float32Array) => void };
  if (dequantize === undefined) throw new Error(`${type} has no levels`);
  dequantize(unit, values);
  return { levels: Int8Array.from(values), scales };
}

/** 1 as a half float. */
const ONE = Uint8Array.of(0x00, 0x3c);

/** Levels as the codes of a class: unsigned, and two of q4 in a byte, the first in the low bits. */
export function packLevels(levels: Int8Array, blockClass: 'q4' | 'q8'): Uint8Array {
  if (blockClass === 'q8') return Uint8Array.from(levels, (level) => level + 128);
  return Uint8Array.from(
    { length: levels.length / 2 },
    (_, i) => (levels[2 * i]! + 8) | ((levels[2 * i + 1]! + 8) << 4),
  );
}
