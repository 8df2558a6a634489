import { blockType, halfAt } from './block.ts';

/**
 * The 16 levels of both types: dense around 0, where most weights are.
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-common.h `kvalues_iq4nl`
 */
const LEVELS = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** 32 weights whose codes begin at `from`: the low nibbles of 16 bytes, then the high ones. */
function spread(blocks: Uint8Array, from: number, d: number, out: Float32Array, to: number): void {
  for (let j = 0; j < 16; j++) {
    const byte = blocks[from + j]!;
    out[to + j] = d * LEVELS[byte & 15]!;
    out[to + j + 16] = d * LEVELS[byte >> 4]!;
  }
}

/** 32 weights in 18 bytes: d, then 16 bytes of codes. d·level */
export const iq4_nl = blockType(20, 32, 18, (blocks, at, out, to) => {
  spread(blocks, at + 2, halfAt(blocks, at), out, to);
});

/**
 * 256 weights in 136 bytes: d, 2 high bits of each of 8 scales, their 4 low bits, then 128 bytes of
 * codes. (d·(scale − 32))·level
 */
export const iq4_xs = blockType(23, 256, 136, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  const high = blocks[at + 2]! | (blocks[at + 3]! << 8);
  for (let j = 0; j < 8; j++) {
    const low = (blocks[at + 4 + (j >> 1)]! >> (4 * (j & 1))) & 15;
    const scale = (low | (((high >> (2 * j)) & 3) << 4)) - 32;
    spread(blocks, at + 8 + 16 * j, Math.fround(d * scale), out, to + 32 * j);
  }
});
