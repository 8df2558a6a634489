import { type GgmlType, halfAt, wordAt } from './block.ts';

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

/**
 * 32 weights in 22 bytes: d (half), a word with the fifth bit of each weight, 16 bytes of low bits
 * in the order of Q4_0. (q − 16)·d
 */
export const q5_0: GgmlType = {
  id: 6,
  length: 32,
  bytes: 22,
  dequantize(blocks, out) {
    for (let at = 0, to = 0; to < out.length; at += 22, to += 32) {
      const d = halfAt(blocks, at);
      const high = wordAt(blocks, at + 2);
      for (let j = 0; j < 16; j++) {
        const pair = blocks[at + 6 + j]!;
        out[to + j] = d * (((pair & 15) | (((high >>> j) & 1) << 4)) - 16);
        out[to + j + 16] = d * (((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
      }
    }
  },
};

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
