import { BLOCK, type BlockQuantizer, type RoundScale } from './blocks.ts';

/** The code that means zero. */
const ZERO = 8;
const LOWEST = -8;
const HIGHEST = 7;

/**
 * Levels tried for the block's value of largest magnitude, each giving a scale x/level whose codes are then refitted.
 *
 * −8 is ggml's Q4_0: the one level beyond ±7 goes to the largest value. Its neighbours trade clipping it against finer
 * steps for the rest. On normal values these six reach the error of a search over 8000 scales to a thousandth.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `make_qx_quants`
 */
const START_LEVELS = [-9, -8.6, -8.2, -7.8, -7.4, -7] as const;

/** Symmetric 4-bit blocks: value = (q − 8)·scale, the scale searched for least squared error. Two codes a byte, low nibble first. */
export const q4: BlockQuantizer = {
  scales(rows, round) {
    const scales = new Float32Array(rows.length / BLOCK);
    const values = new Float64Array(BLOCK);
    for (let block = 0; block < scales.length; block++) {
      for (let i = 0; i < BLOCK; i++) values[i] = rows[block * BLOCK + i]!;
      scales[block] = searchScale(values, round);
    }
    return scales;
  },

  codes(rows, scales) {
    const codes = new Uint8Array(rows.length / 2);
    for (let i = 0; i < rows.length; i += 2) {
      const scale = scales[Math.floor(i / BLOCK)]!;
      const inverse = scale === 0 ? 0 : 1 / scale;
      codes[i / 2] = (nearestLevel(rows[i]! * inverse) + ZERO) | ((nearestLevel(rows[i + 1]! * inverse) + ZERO) << 4);
    }
    return codes;
  },

  dequantize(codes, scales) {
    const rows = new Float32Array(codes.length * 2);
    for (let i = 0; i < rows.length; i += 2) {
      const pair = codes[i / 2]!;
      const scale = scales[Math.floor(i / BLOCK)]!;
      rows[i] = ((pair & 15) - ZERO) * scale;
      rows[i + 1] = ((pair >> 4) - ZERO) * scale;
    }
    return rows;
  },
};

/**
 * The best stored scale found for a block of 32; negative where the largest value is positive, so that it gets −8.
 *
 * For given codes q the best scale is Σxq / Σq², and it leaves an error of Σx² − (Σxq)² / Σq².
 */
function searchScale(values: Float64Array, round: RoundScale): number {
  let extreme = 0;
  for (let i = 0; i < BLOCK; i++) if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!;
  const plain = round(extreme / LOWEST);
  // A block of zeros, or of values too small for any scale.
  if (plain === 0) return 0;
  let best = plain;
  let bestGain = 0;
  for (const level of START_LEVELS) {
    const inverse = level / extreme;
    let products = 0;
    let squares = 0;
    for (let i = 0; i < BLOCK; i++) {
      const code = nearestLevel(values[i]! * inverse);
      products += values[i]! * code;
      squares += code * code;
    }
    const gain = (products * products) / squares;
    if (gain > bestGain) {
      bestGain = gain;
      best = products / squares;
    }
  }
  const rounded = round(best);
  return squaredError(values, rounded) < squaredError(values, plain) ? rounded : plain;
}

/** Σ (x − q·scale)², q the nearest levels. */
function squaredError(values: Float64Array, scale: number): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let i = 0; i < BLOCK; i++) {
    const difference = values[i]! - nearestLevel(values[i]! * inverse) * scale;
    error += difference * difference;
  }
  return error;
}

function nearestLevel(x: number): number {
  const level = Math.round(x);
  return level < LOWEST ? LOWEST : Math.min(level, HIGHEST);
}
