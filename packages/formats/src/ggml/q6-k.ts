import { type GgmlType, halfAt } from './block.ts';

/**
 * 256 weights in 210 bytes: 128 bytes of low nibbles, 64 bytes of high bits, 16 signed scales, d
 * (half). Of each half of 128, 64 low bytes hold groups of 32: low nibbles of the first and second
 * 32 bytes, then their high nibbles; 32 high bytes hold the same groups at shifts 0, 2, 4, 6.
 * (d·sc)·(q − 32)
 */
export const q6_k: GgmlType = {
  id: 14,
  length: 256,
  bytes: 210,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 210, to += 256) {
      const d = halfAt(blocks, at + 208);
      for (let i = 0; i < 16; i++) {
        const dl = Math.fround(d * ((blocks[at + 192 + i]! << 24) >> 24));
        const half = i >> 3;
        const group = (i >> 1) & 3;
        const low = at + half * 64 + (group & 1) * 32 + (i & 1) * 16;
        const high = at + 128 + half * 32 + (i & 1) * 16;
        const nibble = (group >> 1) * 4;
        for (let l = 0; l < 16; l++) {
          const code = ((blocks[low + l]! >> nibble) & 15) | (((blocks[high + l]! >> (2 * group)) & 3) << 4);
          out[to + i * 16 + l] = dl * (code - 32);
        }
      }
    }
  },
};
