import { BLOCK, type BlockQuantizer, type RoundScale } from './blocks.ts';

/** The code that means zero. */
const ZERO = 8;
const LOWEST = -8;
const HIGHEST_CODE = 15;

/**
 * Levels tried for the block's value of largest magnitude, each giving a scale x/level whose codes are then refitted.
 *
 * −8 is ggml's Q4_0: the one level beyond ±7 goes to the largest value. Its neighbours trade clipping it against finer
 * steps for the rest. On normal values these six reach the error of a search over 8000 scales to a thousandth.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `make_qx_quants`
 */
const START_LEVELS = Float64Array.of(-9, -8.6, -8.2, -7.8, -7.4, -7);

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
      codes[i / 2] = nearestCode(rows[i]! * inverse) | (nearestCode(rows[i + 1]! * inverse) << 4);
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

/** The best stored scale found for a block of 32; negative where the largest value is positive, so that it gets −8. */
function searchScale(values: Float64Array, round: RoundScale): number {
  const extreme = largestValue(values);
  const plain = round(extreme / LOWEST);
  // A block of zeros, or of values too small for any scale.
  if (plain === 0) return 0;
  const rounded = round(bestScale(values, extreme));
  return squaredError(values, rounded) < squaredError(values, plain) ? rounded : plain;
}

function largestValue(values: Float64Array): number {
  let extreme = 0;
  for (let i = 0; i < BLOCK; i++) if (Math.abs(values[i]!) > Math.abs(extreme)) extreme = values[i]!;
  return extreme;
}

/**
 * The scale of least squared error among those that the start levels lead to. For given codes q the best scale is
 * Σxq / Σq², and it leaves an error of Σx² − (Σxq)² / Σq².
 */
function bestScale(values: Float64Array, extreme: number): number {
  let best = extreme / LOWEST;
  let bestGain = 0;
  for (let start = 0; start < START_LEVELS.length; start++) {
    const inverse = START_LEVELS[start]! / extreme;
    let products = 0;
    let squares = 0;
    for (let i = 0; i < BLOCK; i++) {
      const x = values[i]!;
      // `nearestCode`, which is not always inlined here.
      let level = (x * inverse + (ZERO + 0.5)) | 0;
      level = (level < 0 ? 0 : Math.min(level, HIGHEST_CODE)) - ZERO;
      products += x * level;
      squares += level * level;
    }
    const gain = (products * products) / squares;
    if (gain > bestGain) {
      bestGain = gain;
      best = products / squares;
    }
  }
  return best;
}

/** Σ (x − q·scale)², q the nearest levels. */
function squaredError(values: Float64Array, scale: number): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let i = 0; i < BLOCK; i++) {
    let code = (values[i]! * inverse + (ZERO + 0.5)) | 0;
    code = code < 0 ? 0 : Math.min(code, HIGHEST_CODE);
    const difference = values[i]! - (code - ZERO) * scale;
    error += difference * difference;
  }
  return error;
}

/** The code of the level nearest to `x`; truncation of what is not negative takes the place of rounding. */
function nearestCode(x: number): number {
  const code = (x + (ZERO + 0.5)) | 0;
  return code < 0 ? 0 : Math.min(code, HIGHEST_CODE);
}
