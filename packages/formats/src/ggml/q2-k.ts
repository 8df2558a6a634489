import { type GgmlType, halfAt } from './block.ts';

/**
 * 256 weights in 84 bytes: 16 scales (low nibble) and minima (high nibble), one pair for 16
 * weights; 64 bytes of 2-bit codes; d, dmin (halves). Of each half of 128, 32 bytes hold four
 * groups of 32 at shifts 0, 2, 4, 6. (d·sc)·q − dmin·m
 */
export const q2_k: GgmlType = {
  id: 10,
  length: 256,
  bytes: 84,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 84, to += 256) {
      const d = halfAt(blocks, at + 80);
      const dmin = halfAt(blocks, at + 82);
      for (let group = 0; group < 16; group++) {
        const scale = blocks[at + group]!;
        const dl = Math.fround(d * (scale & 15));
        const ml = Math.fround(dmin * (scale >> 4));
        const codes = at + 16 + (group >> 3) * 32 + (group & 1) * 16;
        const shift = group & 6;
        for (let l = 0; l < 16; l++) {
          out[to + group * 16 + l] = Math.fround(dl * ((blocks[codes + l]! >> shift) & 3)) - ml;
        }
      }
    }
  },
};
