import { BLOCK, type BlockQuantizer } from './blocks.ts';

/** The code that means zero. */
const ZERO = 128;
/** Largest code magnitude used, so that the range is symmetric. */
const LEVELS = 127;

/** Symmetric 8-bit blocks: value = (q − 128)·scale, scale = max|x| / 127. */
export const q8: BlockQuantizer = {
  scales(rows, round) {
    const scales = new Float32Array(rows.length / BLOCK);
    for (let block = 0; block < scales.length; block++) {
      let max = 0;
      for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
        const magnitude = Math.abs(rows[i]!);
        if (magnitude > max) max = magnitude;
      }
      scales[block] = round(max / LEVELS);
    }
    return scales;
  },

  codes(rows, scales) {
    const codes = new Uint8Array(rows.length);
    for (let block = 0; block < scales.length; block++) {
      const inverse = scales[block] === 0 ? 0 : 1 / scales[block]!;
      for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) {
        // Truncation of what is not negative takes the place of rounding.
        const code = (rows[i]! * inverse + (ZERO + 0.5)) | 0;
        codes[i] = code < ZERO - LEVELS ? ZERO - LEVELS : Math.min(code, ZERO + LEVELS);
      }
    }
    return codes;
  },

  dequantize(codes, scales) {
    const rows = new Float32Array(codes.length);
    for (let i = 0; i < rows.length; i++) rows[i] = (codes[i]! - ZERO) * scales[Math.floor(i / BLOCK)]!;
    return rows;
  },
};
