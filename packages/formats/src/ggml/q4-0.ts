import { type GgmlType, halfAt } from './block.ts';

/**
 * 32 weights in 18 bytes: d (half), 16 bytes of codes. Byte j holds weight j in its low nibble and
 * weight j + 16 in its high one. (q − 8)·d
 */
export const q4_0: GgmlType = {
  id: 2,
  length: 32,
  bytes: 18,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 18, to += 32) {
      const d = halfAt(blocks, at);
      for (let j = 0; j < 16; j++) {
        const pair = blocks[at + 2 + j]!;
        out[to + j] = d * ((pair & 15) - 8);
        out[to + j + 16] = d * ((pair >> 4) - 8);
      }
    }
  },
};
