import { type GgmlType, halfAt, wordAt } from './block.ts';

/**
 * 32 weights in 24 bytes: d, m (halves), a word with the fifth bit of each weight, 16 bytes of low
 * bits in the order of Q4_0. q·d + m
 */
export const q5_1: GgmlType = {
  id: 7,
  length: 32,
  bytes: 24,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 24, to += 32) {
      const d = halfAt(blocks, at);
      const m = halfAt(blocks, at + 2);
      const high = wordAt(blocks, at + 4);
      for (let j = 0; j < 16; j++) {
        const pair = blocks[at + 8 + j]!;
        out[to + j] = d * ((pair & 15) | (((high >>> j) & 1) << 4)) + m;
        out[to + j + 16] = d * ((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m;
      }
    }
  },
};
