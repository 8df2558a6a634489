import { blockType, halfAt, wordAt } from './block.ts';

/**
 * 32 weights in 18 bytes: d (half), 16 bytes of codes. Byte j holds weight j in its low nibble and
 * weight j + 16 in its high one. (q − 8)·d
 */
export const q4_0 = blockType(2, 32, 18, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  for (let j = 0; j < 16; j++) {
    const pair = blocks[at + 2 + j]!;
    out[to + j] = d * ((pair & 15) - 8);
    out[to + j + 16] = d * ((pair >> 4) - 8);
  }
});

/** 32 weights in 20 bytes: d, m (halves), 16 bytes of codes in the order of Q4_0. q·d + m */
export const q4_1 = blockType(3, 32, 20, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  const m = halfAt(blocks, at + 2);
  for (let j = 0; j < 16; j++) {
    const pair = blocks[at + 4 + j]!;
    out[to + j] = d * (pair & 15) + m;
    out[to + j + 16] = d * (pair >> 4) + m;
  }
});

/**
 * 32 weights in 22 bytes: d (half), a word with the fifth bit of each weight, 16 bytes of low bits
 * in the order of Q4_0. (q − 16)·d
 */
export const q5_0 = blockType(6, 32, 22, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  const high = wordAt(blocks, at + 2);
  for (let j = 0; j < 16; j++) {
    const pair = blocks[at + 6 + j]!;
    out[to + j] = d * (((pair & 15) | (((high >>> j) & 1) << 4)) - 16);
    out[to + j + 16] = d * (((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) - 16);
  }
});

/**
 * 32 weights in 24 bytes: d, m (halves), a word with the fifth bit of each weight, 16 bytes of low
 * bits in the order of Q4_0. q·d + m
 */
export const q5_1 = blockType(7, 32, 24, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  const m = halfAt(blocks, at + 2);
  const high = wordAt(blocks, at + 4);
  for (let j = 0; j < 16; j++) {
    const pair = blocks[at + 8 + j]!;
    out[to + j] = d * ((pair & 15) | (((high >>> j) & 1) << 4)) + m;
    out[to + j + 16] = d * ((pair >> 4) | (((high >>> (j + 16)) & 1) << 4)) + m;
  }
});

/** 32 weights in 34 bytes: d (half), 32 signed bytes. q·d */
export const q8_0 = blockType(8, 32, 34, (blocks, at, out, to) => {
  const d = halfAt(blocks, at);
  for (let j = 0; j < 32; j++) out[to + j] = d * ((blocks[at + 2 + j]! << 24) >> 24);
});
