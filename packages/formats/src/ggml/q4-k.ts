import { type GgmlType, halfAt } from './block.ts';
import { scaleAndMin } from './k-scales.ts';

/**
 * 256 weights in 144 bytes: d, dmin (halves), 12 bytes of scales, 128 bytes of codes; of each 32
 * bytes the low nibbles come first. (d·sc)·q − dmin·m
 */
export const q4_k: GgmlType = {
  id: 12,
  length: 256,
  bytes: 144,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 144, to += 256) {
      const d = halfAt(blocks, at);
      const dmin = halfAt(blocks, at + 2);
      for (let j = 0; j < 8; j++) {
        const [scale, min] = scaleAndMin(blocks, at + 4, j);
        const dl = Math.fround(d * scale);
        const ml = Math.fround(dmin * min);
        const codes = at + 16 + (j >> 1) * 32;
        const shift = (j & 1) * 4;
        for (let l = 0; l < 32; l++) {
          out[to + j * 32 + l] = Math.fround(dl * ((blocks[codes + l]! >> shift) & 15)) - ml;
        }
      }
    }
  },
};
