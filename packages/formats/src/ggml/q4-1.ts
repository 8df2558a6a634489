import { type GgmlType, halfAt } from './block.ts';

/** 32 weights in 20 bytes: d, m (halves), 16 bytes of codes in the order of Q4_0. q·d + m */
export const q4_1: GgmlType = {
  id: 3,
  length: 32,
  bytes: 20,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 20, to += 32) {
      const d = halfAt(blocks, at);
      const m = halfAt(blocks, at + 2);
      for (let j = 0; j < 16; j++) {
        const pair = blocks[at + 4 + j]!;
        out[to + j] = d * (pair & 15) + m;
        out[to + j + 16] = d * (pair >> 4) + m;
      }
    }
  },
};
