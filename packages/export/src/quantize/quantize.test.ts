import { torchRandn } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import { BLOCK, type BlockQuantizer, roundF16, scaleDtype } from './blocks.ts';
import { q4 } from './q4.ts';
import { q8 } from './q8.ts';

function roundTrip(quantizer: BlockQuantizer, rows: Float32Array): Float32Array {
  const scales = quantizer.scales(rows, roundF16);
  return quantizer.dequantize(quantizer.codes(rows, scales), scales);
}

function squaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

/** Least squared error over 4000 scales of either sign, dense enough that the next one changes the error by under 0.1 %. */
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
    const row = new Float32Array(BLOCK);
    row.set([-8, 7, 0, 1]);
    const codes = q4.codes(row, Float32Array.of(1));
    expect([...codes.subarray(0, 3)]).toEqual([0xf0, 0x98, 0x88]);
  });

  it('keeps values that lie on its grid exactly', () => {
    // Every level of a scale that is exact in float16, the level −8 included.
    for (const scale of [0.25, -0.0009765625, 1.5]) {
      const rows = Float32Array.from({ length: 2 * BLOCK }, (_, i) => ((i % 16) - 8) * scale);
      expect(roundTrip(q4, rows)).toEqual(rows);
    }
  });

  it('keeps a block of zeros zero', () => {
    expect(roundTrip(q4, new Float32Array(BLOCK))).toEqual(new Float32Array(BLOCK));
  });

  it('comes within 1 % of the least squared error any scale can give', () => {
    // Oracle: brute force. A few starts end in a neighbouring valley of the error.
    let found = 0;
    let least = 0;
    for (let start = 0; start < 100 * BLOCK; start += BLOCK) {
      const block = GAUSSIAN.subarray(start, start + BLOCK);
      found += squaredError(block, roundTrip(q4, block));
      least += bruteForceError(block);
    }
    expect(found / least).toBeLessThan(1.01);
  });

  it('is never worse than ggml’s Q4_0 rule, and better on average', () => {
    const byRule = (rows: Float32Array): Float32Array => {
      const scales = Float32Array.from({ length: rows.length / BLOCK }, (_, block) => {
        const values = rows.subarray(block * BLOCK, (block + 1) * BLOCK);
        return roundF16(values.reduce((m, value) => (Math.abs(value) > Math.abs(m) ? value : m), 0) / -8);
      });
      return q4.dequantize(q4.codes(rows, scales), scales);
    };
    for (let start = 0; start < GAUSSIAN.length; start += BLOCK) {
      const block = GAUSSIAN.subarray(start, start + BLOCK);
      expect(squaredError(block, roundTrip(q4, block))).toBeLessThanOrEqual(squaredError(block, byRule(block)));
    }
    // Measured on these values: 0.0806 searched, 0.0856 by the rule.
    expect(relativeRms(roundTrip(q4, GAUSSIAN), GAUSSIAN)).toBeLessThan(0.0815);
    expect(relativeRms(byRule(GAUSSIAN), GAUSSIAN)).toBeGreaterThan(0.085);
  });
});

describe('q8', () => {
  it('stores (q − 128)·scale with the largest magnitude at ±127', () => {
    const row = new Float32Array(BLOCK);
    row.set([-127, 127, 0, 1, -1]);
    const scales = q8.scales(row, roundF16);
    expect(scales).toEqual(Float32Array.of(1));
    expect([...q8.codes(row, scales).subarray(0, 5)]).toEqual([1, 255, 128, 129, 127]);
    expect(roundTrip(q8, row)).toEqual(row);
  });

  it('loses at most half a step, where the step is the scale as stored', () => {
    const scales = q8.scales(GAUSSIAN, roundF16);
    const back = q8.dequantize(q8.codes(GAUSSIAN, scales), scales);
    for (let i = 0; i < GAUSSIAN.length; i++) {
      // A scale rounded down by up to 2⁻¹¹ can leave the largest value 127·2⁻¹¹ of a step outside.
      const limit = scales[Math.floor(i / BLOCK)]! * (0.5 + 127 * 2 ** -11);
      expect(Math.abs(GAUSSIAN[i]! - back[i]!)).toBeLessThanOrEqual(limit);
    }
    // Measured: 0.00533. A uniform error of one step is step/√12, and a step here is about max/127.
    expect(relativeRms(back, GAUSSIAN)).toBeLessThan(0.0056);
  });
});

describe('a scale', () => {
  it('is rounded to a half float’s eleven bits before codes are chosen', () => {
    // Oracle: numpy.float16 of the same numbers.
    expect(roundF16(0.1)).toBe(0.0999755859375);
    expect(roundF16(-1 / 3)).toBe(-0.333251953125);
    expect(roundF16(1000.3)).toBe(1000.5);
  });

  it('is stored as F32 for the whole tensor when a half float would make one subnormal or infinite', () => {
    expect(scaleDtype(Float32Array.of(2 ** -14, 0, -1, 65504))).toBe('F16');
    expect(scaleDtype(Float32Array.of(1, 2 ** -15))).toBe('F32');
    expect(scaleDtype(Float32Array.of(1, 65536))).toBe('F32');
  });
});
