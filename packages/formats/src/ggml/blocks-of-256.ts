import { blockType, halfAt } from './block.ts';

/**
 * 256 weights in 84 bytes: 16 scales (low nibble) and minima (high nibble), one pair for 16
 * weights; 64 bytes of 2-bit codes; d, dmin (halves). Of each half of 128, 32 bytes hold four
 * groups of 32 at shifts 0, 2, 4, 6. (d·sc)·q − dmin·m
 */
export const q2_k = blockType(10, 256, 84, (blocks, at, out, to) => {
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
});

/**
 * 256 weights in 110 bytes: 32 bytes of third bits, 64 bytes of low bits in the order of Q2_K, 12
 * bytes with 16 scales of 6 bits, d (half). Bit 4n + s of byte l of the third bits belongs to half
 * n, group s of 32. A clear third bit takes 4 away. d·(sc − 32)·q
 */
export const q3_k = blockType(11, 256, 110, (blocks, at, out, to) => {
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
});

/** Low nibbles of bytes 0–7, then high ones; bits 4 and 5 of every fourth scale in bytes 8–11. */
function scaleAt(bytes: Uint8Array, at: number, i: number): number {
  const low = i < 8 ? bytes[at + i]! & 15 : bytes[at + i - 8]! >> 4;
  return low | (((bytes[at + 8 + (i & 3)]! >> (2 * (i >> 2))) & 3) << 4);
}

/**
 * 256 weights in 144 bytes: d, dmin (halves), 12 bytes of scales, 128 bytes of codes; of each 32
 * bytes the low nibbles come first. (d·sc)·q − dmin·m
 */
export const q4_k = blockType(12, 256, 144, (blocks, at, out, to) => {
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
});

/**
 * 256 weights in 176 bytes: as Q4_K, with 32 bytes of fifth bits before the codes; bit j of byte l
 * is weight l of sub-block j. (d·sc)·q − dmin·m
 */
export const q5_k = blockType(13, 256, 176, (blocks, at, out, to) => {
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
});

/**
 * 256 weights in 210 bytes: 128 bytes of low nibbles, 64 bytes of high bits, 16 signed scales, d
 * (half). Of each half of 128, 64 low bytes hold groups of 32: low nibbles of the first and second
 * 32 bytes, then their high nibbles; 32 high bytes hold the same groups at shifts 0, 2, 4, 6.
 * (d·sc)·(q − 32)
 */
export const q6_k = blockType(14, 256, 210, (blocks, at, out, to) => {
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
});

/**
 * The scale and minimum of sub-block `j` (0 … 7) of Q4_K and Q5_K: 6 bits each, packed in 12 bytes.
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `get_scale_min_k4`
 */
function scaleAndMin(bytes: Uint8Array, at: number, j: number): [scale: number, min: number] {
  if (j < 4) return [bytes[at + j]! & 63, bytes[at + j + 4]! & 63];
  const low = bytes[at + j + 4]!;
  return [(low & 15) | ((bytes[at + j - 4]! >> 6) << 4), (low >> 4) | ((bytes[at + j]! >> 6) << 4)];
}
