import { type GgmlType, halfAt } from './block.ts';

/** 32 weights in 34 bytes: d (half), 32 signed bytes. q·d */
export const q8_0: GgmlType = {
  id: 8,
  length: 32,
  bytes: 34,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 34, to += 32) {
      const d = halfAt(blocks, at);
      for (let j = 0; j < 32; j++) out[to + j] = d * ((blocks[at + 2 + j]! << 24) >> 24);
    }
  },
};
