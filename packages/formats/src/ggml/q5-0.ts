import { type GgmlType, halfAt, wordAt } from './block.ts';

/**
 * 32 weights in 22 bytes: d (half), a word with the fifth bit of each weight, 16 bytes of low bits
 * in the order of Q4_0. (q − 16)·d
 */
export const q5_0: GgmlType = {
  id: 6,
  length: 32,
  bytes: 22,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 22, to += 32) {
      const d = halfAt(blocks, at);
      const high = wordAt(blocks, at + 2);
      for (let j = 0; j < 16; j++) {
        const pair = blocks[at + 6 + j]!;
        out[to + j] = d * (((pair & 15) | (((high >>> j) & 1) << 4)) - 16);
        out[to + j + 16] = d * (((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
      }
    }
  },
};
