import { type GgmlType, halfAt } from './block.ts';

/**
 * 256 weights in 110 bytes: 32 bytes of third bits, 64 bytes of low bits in the order of Q2_K, 12
 * bytes with 16 scales of 6 bits, d (half). Bit 4n + s of byte l of the third bits belongs to half
 * n, group s of 32. A clear third bit takes 4 away. d·(sc − 32)·q
 */
export const q3_k: GgmlType = {
  id: 11,
  length: 256,
  bytes: 110,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 110, to += 256) {
      const d = halfAt(blocks, at + 108);
      for (let group = 0; group < 16; group++) {
        const dl = Math.fround(d * (scaleAt(blocks, at + 96, group) - 32));
        const within = (group & 1) * 16;
        const codes = at + 32 + (group >> 3) * 32 + within;
        const shift = group & 6;
        const bit = group >> 1;
        for (let l = 0; l < 16; l++) {
          const missing = ((blocks[at + within + l]! >> bit) & 1) ^ 1;
          out[to + group * 16 + l] = dl * (((blocks[codes + l]! >> shift) & 3) - 4 * missing);
        }
      }
    }
  },
};

/**
 * Low four bits: nibbles of bytes 0–7, the low ones first. High two: bytes 8–11, two bits for every
 * fourth scale.
 */
function scaleAt(bytes: Uint8Array, at: number, i: number): number {
  const low = i < 8 ? bytes[at + i]! & 15 : bytes[at + i - 8]! >> 4;
  return low | (((bytes[at + 8 + (i & 3)]! >> (2 * (i >> 2))) & 3) << 4);
}
