import { type GgmlType, halfAt } from './block.ts';
import { scaleAndMin } from './k-scales.ts';

/**
 * 256 weights in 176 bytes: as Q4_K, with 32 bytes of fifth bits before the codes; bit j of byte l
 * is weight l of sub-block j. (d·sc)·q − dmin·m
 */
export const q5_k: GgmlType = {
  id: 13,
  length: 256,
  bytes: 176,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 176, to += 256) {
      const d = halfAt(blocks, at);
      const dmin = halfAt(blocks, at + 2);
      for (let j = 0; j < 8; j++) {
        const [scale, min] = scaleAndMin(blocks, at + 4, j);
        const dl = Math.fround(d * scale);
        const ml = Math.fround(dmin * min);
        const codes = at + 48 + (j >> 1) * 32;
        const shift = (j & 1) * 4;
        for (let l = 0; l < 32; l++) {
          const code = ((blocks[codes + l]! >> shift) & 15) | (((blocks[at + 16 + l]! >> j) & 1) << 4);
          out[to + j * 32 + l] = Math.fround(dl * code) - ml;
        }
      }
    }
  },
};
