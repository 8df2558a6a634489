import { BLOCK, type BlockQuantizer, type RoundScale } from './blocks.ts';

/** The code that means zero. */
const ZERO = 8;
const LOWEST = -8;
const HIGHEST = 7;

/**
 * Levels tried for the block's value of largest magnitude, each giving a scale x/level to start from.
 *
 * −8 is ggml's Q4_0: the one level beyond ±7 goes to the largest value. Its neighbours trade clipping it against finer
 * steps for the rest; the positive ones suit a block whose second largest value has the opposite sign.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `make_qx_quants`
 */
const START_LEVELS = [-9, -8.5, -8, -7.5, -7, -6.5, 7, 7.5, 8] as const;

/** Symmetric 4-bit blocks: value = (q − 8)·scale, the scale searched for least squared error. Two codes a byte, low nibble first. */
export const q4: BlockQuantizer = {
  scales(rows, round) {
    const scales = new Float32Array(rows.length / BLOCK);
    for (let block = 0; block < scales.length; block++) scales[block] = searchScale(rows, block * BLOCK, round);
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

/** The best stored scale found for the block at `start`; negative where the largest value is positive, so that it gets −8. */
function searchScale(rows: Float32Array, start: number, round: RoundScale): number {
  let extreme = 0;
  for (let i = start; i < start + BLOCK; i++) if (Math.abs(rows[i]!) > Math.abs(extreme)) extreme = rows[i]!;
  let best = round(extreme / LOWEST);
  // A block of zeros, or of values too small for any scale.
  if (best === 0) return 0;
  let bestError = squaredError(rows, start, best);
  for (const level of START_LEVELS) {
    if (bestError === 0) break;
    const scale = round(refit(rows, start, extreme / level));
    const error = squaredError(rows, start, scale);
    if (error < bestError) {
      best = scale;
      bestError = error;
    }
  }
  return best;
}

/** Σ (x − q·scale)² over a block, q the nearest levels. */
function squaredError(rows: Float32Array, start: number, scale: number): number {
  const inverse = 1 / scale;
  let error = 0;
  for (let i = start; i < start + BLOCK; i++) {
    const difference = rows[i]! - nearestLevel(rows[i]! * inverse) * scale;
    error += difference * difference;
  }
  return error;
}

/** The scale that suits the levels chosen under `scale` best: Σ x·q / Σ q². */
function refit(rows: Float32Array, start: number, scale: number): number {
  const inverse = 1 / scale;
  let products = 0;
  let squares = 0;
  for (let i = start; i < start + BLOCK; i++) {
    const level = nearestLevel(rows[i]! * inverse);
    products += rows[i]! * level;
    squares += level * level;
  }
  return products / squares;
}

function nearestLevel(x: number): number {
  const level = Math.round(x);
  return Math.max(LOWEST, Math.min(level, HIGHEST));
}
