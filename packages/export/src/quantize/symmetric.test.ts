import { QUANT_BLOCK, torchRandn } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { dequantizeQ4, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import { type Halves, toFloat32 } from '../tensors/numbers.ts';
import { quantizeQ4m } from './q4m.ts';
import { scaleDtype } from './scale-dtype.ts';
import { largestMagnitude } from './staging.ts';
import { quantizeQ4, quantizeQ8 } from './symmetric.ts';

function throughQ4(rows: Float32Array): Float32Array {
  const { codes, scales } = quantizeQ4(rows, true);
  return dequantizeQ4(codes, scales);
}

function throughQ8(rows: Float32Array): Float32Array {
  const { codes, scales } = quantizeQ8(rows, true);
  return dequantizeQ8(codes, scales);
}

function squaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

/**
 * Least squared error over 4000 scales of either sign, dense enough that the next one changes the
 * error by under 0.1 %.
 */
function bruteForceError(block: Float32Array): number {
  const max = block.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4000; i++) {
    const size = (max / 10) * (1 + i / 2000);
    for (const scale of [size, -size]) {
      const error = block.reduce((sum, value) => {
        const level = Math.max(-8, Math.min(7, Math.round(value / scale)));
        return sum + (value - level * scale) ** 2;
      }, 0);
      best = Math.min(best, error);
    }
  }
  return best;
}

const GAUSSIAN = torchRandn(42, 64 * 256).map((value) => value * 0.02);

describe('q4', () => {
  it('packs the first element into the low four bits and 8 means zero', () => {
    const row = new Float32Array(QUANT_BLOCK);
    row.set([-8, 7, 0, 1]);
    const { codes, scales } = quantizeQ4(row, true);
    expect([...scales, ...codes.subarray(0, 3)]).toEqual([1, 0xf0, 0x98, 0x88]);
  });

  it('keeps values that lie on its grid exactly', () => {
    // Every level of a scale that is exact in float16, the level −8 included.
    for (const scale of [0.25, -0.0009765625, 1.5]) {
      const rows = Float32Array.from({ length: 2 * QUANT_BLOCK }, (_, i) => ((i % 16) - 8) * scale);
      expect(throughQ4(rows)).toEqual(rows);
    }
  });

  it('keeps a block of zeros zero', () => {
    expect(throughQ4(new Float32Array(QUANT_BLOCK))).toEqual(new Float32Array(QUANT_BLOCK));
  });

  it('comes within 1 % of the least squared error any scale can give', () => {
    // Oracle: brute force. A few starts end in a neighbouring valley of the error.
    let found = 0;
    let least = 0;
    for (let start = 0; start < 100 * QUANT_BLOCK; start += QUANT_BLOCK) {
      const block = GAUSSIAN.subarray(start, start + QUANT_BLOCK);
      found += squaredError(block, throughQ4(block));
      least += bruteForceError(block);
    }
    expect(found / least).toBeLessThan(1.01);
  });

  it('is never worse than ggml’s Q4_0 rule, and better on average', () => {
    const byRule = (rows: Float32Array): Float32Array => {
      const scales = Float32Array.from({ length: rows.length / QUANT_BLOCK }, (_, block) => {
        const values = rows.subarray(block * QUANT_BLOCK, (block + 1) * QUANT_BLOCK);
        return values.reduce((m, value) => (Math.abs(value) > Math.abs(m) ? value : m), 0) / -8;
      });
      return rows.map((value, i) => {
        const scale = scales[Math.floor(i / QUANT_BLOCK)]!;
        return Math.max(-8, Math.min(7, Math.round(value / scale))) * scale;
      });
    };
    for (let start = 0; start < GAUSSIAN.length; start += QUANT_BLOCK) {
      const block = GAUSSIAN.subarray(start, start + QUANT_BLOCK);
      // Scales that need not be stored as halves, for which the rule's may be the luckier rounding.
      const { codes, scales } = quantizeQ4(block, false);
      const searched = squaredError(block, dequantizeQ4(codes, scales));
      // Sums of float32, 1 + 2⁻²⁰.
      expect(searched).toBeLessThanOrEqual(squaredError(block, byRule(block)) * (1 + 2 ** -20));
    }
    // Measured on these values: 0.0806 searched, 0.0856 by the rule.
    expect(relativeRms(throughQ4(GAUSSIAN), GAUSSIAN)).toBeLessThan(0.0815);
    expect(relativeRms(byRule(GAUSSIAN), GAUSSIAN)).toBeGreaterThan(0.085);
  });
});

describe('q8', () => {
  it('stores (q − 128)·scale with the largest magnitude at ±127', () => {
    const row = new Float32Array(QUANT_BLOCK);
    row.set([-127, 127, 0, 1, -1]);
    const { codes, scales } = quantizeQ8(row, true);
    expect(scales).toEqual(Float32Array.of(1));
    expect([...codes.subarray(0, 5)]).toEqual([1, 255, 128, 129, 127]);
    expect(throughQ8(row)).toEqual(row);
  });

  it('loses at most half a step, where the step is the scale as stored', () => {
    const { codes, scales } = quantizeQ8(GAUSSIAN, true);
    const back = dequantizeQ8(codes, scales);
    for (let i = 0; i < GAUSSIAN.length; i++) {
      // A scale rounded down by up to 2⁻¹¹ can leave the largest value 127·2⁻¹¹ of a step outside.
      const limit = scales[Math.floor(i / QUANT_BLOCK)]! * (0.5 + 127 * 2 ** -11);
      expect(Math.abs(GAUSSIAN[i]! - back[i]!)).toBeLessThanOrEqual(limit);
    }
    // Measured: 0.00533. A uniform error of one step is step/√12, and a step here is about max/127.
    expect(relativeRms(back, GAUSSIAN)).toBeLessThan(0.0056);
  });
});

describe('a scale', () => {
  it('is rounded to a half float’s eleven bits before codes are chosen', () => {
    // Oracle: numpy.float16 of the same numbers.
    const scales = [0.1, 1000.3].map(
      (scale) => quantizeQ8(new Float32Array(QUANT_BLOCK).fill(127 * scale), true).scales[0],
    );
    expect(scales).toEqual([0.0999755859375, 1000.5]);
    expect(quantizeQ4(new Float32Array(QUANT_BLOCK).fill(8 / 3), true).scales).toEqual(
      Float32Array.of(-0.333251953125),
    );
  });

  it('is stored as F32 for the whole tensor when a half float would make one subnormal or infinite', () => {
    expect(scaleDtype(Float32Array.of(2 ** -14, 0, -1, 65504))).toBe('F16');
    expect(scaleDtype(Float32Array.of(1, 2 ** -15))).toBe('F32');
    expect(scaleDtype(Float32Array.of(1, 65536))).toBe('F32');
  });
});

describe('rows of any size', () => {
  it.each([
    ['larger than goes through at a time', 2 ** 18 + 5 * QUANT_BLOCK],
    ['of one block', QUANT_BLOCK],
  ])('%s are quantized block by block', (_, length) => {
    const rows = torchRandn(3, length);
    for (const quantize of [quantizeQ4, quantizeQ8]) {
      const { codes, scales } = quantize(rows, true);
      const last = quantize(rows.slice(-QUANT_BLOCK), true);
      expect(codes.slice(-last.codes.length)).toEqual(last.codes);
      expect(scales.at(-1)).toBe(last.scales[0]);
    }
  });

  it('of the smallest and largest float32 stay finite', () => {
    const huge = new Float32Array(QUANT_BLOCK).fill(3.4e38);
    expect(relativeRms(throughQ8(huge), huge)).toBeLessThan(0.005);
    const { codes, scales } = quantizeQ4(huge, false);
    expect(relativeRms(dequantizeQ4(codes, scales), huge)).toBeLessThan(0.005);
    // Too small for a reciprocal: zeros.
    const { codes: none, scales: zero } = quantizeQ4(new Float32Array(QUANT_BLOCK).fill(1e-37), false);
    expect(dequantizeQ4(none, zero)).toEqual(new Float32Array(QUANT_BLOCK));
  });
});

describe('the largest magnitude', () => {
  it('is found wherever it is, of rows of any length', () => {
    for (const [length, at] of [
      [1, 0],
      [33, 32],
      [2 ** 18 + 7, 2 ** 18 + 6],
    ] as const) {
      const rows = new Float32Array(length);
      rows[at] = -2.5;
      expect(largestMagnitude(rows)).toBe(2.5);
    }
    expect(largestMagnitude(new Float32Array())).toBe(0);
  });

  it('is no finite number where one value is none', () => {
    expect(largestMagnitude(Float32Array.of(1, Number.NaN, 2))).toBeNaN();
    expect(largestMagnitude(Float32Array.of(1, Number.NEGATIVE_INFINITY))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe.each(['F16', 'BF16'] as const)('halves, %s', (dtype) => {
  /** Oracle: the reader in packages/formats, itself tested against numpy and torch. */
  const halves = (bits: number[]): Halves => ({ dtype, bits: Uint16Array.from(bits) });
  const everyFinite = halves([...Array(65536).keys()].filter((bits) => Number.isFinite(toFloat32(halves([bits]))[0])));

  it('each mean what they are widened to', () => {
    for (let start = 0; start < everyFinite.bits.length; start += QUANT_BLOCK) {
      const block = { dtype, bits: everyFinite.bits.slice(start, start + QUANT_BLOCK) };
      const wide = toFloat32(block);
      expect(largestMagnitude(block)).toBe(wide.reduce((max, value) => Math.max(max, Math.abs(value)), 0));
      expect(quantizeQ8(block, false)).toEqual(quantizeQ8(wide, false));
    }
  });

  it('are quantized as float32 of the same values', () => {
    // Magnitudes of weights, of one sign in every other block.
    const bits = Array.from(
      { length: 5 * 1056 },
      (_, i) => ((i * 7919) % (dtype === 'F16' ? 0x3400 : 0x3f00)) | (i % 3 ? 0x8000 : 0),
    );
    const wide = toFloat32(halves(bits));
    expect(quantizeQ4(halves(bits), true)).toEqual(quantizeQ4(wide, true));
    expect(quantizeQ4m(halves(bits), 1056)).toEqual(quantizeQ4m(wide, 1056));
  });

  it('that are not finite are found', () => {
    const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
    expect(largestMagnitude(halves([0, infinity | 0x8000]))).toBe(Number.POSITIVE_INFINITY);
    expect(largestMagnitude(halves([infinity + 1, 0]))).toBeNaN();
  });
});
