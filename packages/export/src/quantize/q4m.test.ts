import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { QUANT_BLOCK, torchRandn } from '@flux-srpo/core';
import { e4m4ToF32 } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { dequantizeQ4, dequantizeQ4m, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import { DISTRIBUTION_COLUMNS, DISTRIBUTIONS, type Distribution, distribution } from '../test-support/distributions.ts';
import { quantizeQ4m, scaleExponent } from './q4m.ts';
import { quantizeQ4, quantizeQ8 } from './symmetric.ts';

/** Errors of ggml's own quantizers, made by test/reference/ggml_quantizers.py. */
const GGML = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/oracles/ggml-quantizers.json', import.meta.url), 'utf8'),
) as { errors: Record<Distribution, { sha256: string; Q4_0: number; Q4_K: number; Q8_0: number }> };

function roundTrip(rows: Float32Array, inFeatures: number, exponent = 0): Float32Array {
  const { codes, scales } = quantizeQ4m(rows, inFeatures, exponent);
  const values = e4m4ToF32(scales).map((scale) => scale * 2 ** exponent);
  return dequantizeQ4m(codes, values, inFeatures);
}

describe.each(DISTRIBUTIONS)('of %s weights', (name) => {
  const rows = distribution(name);
  const { sha256, Q4_0, Q4_K, Q8_0 } = GGML.errors[name];

  it('the numbers are those that ggml was measured on', () => {
    expect(createHash('sha256').update(new Uint8Array(rows.buffer)).digest('hex')).toBe(sha256);
  });

  it('4-bit blocks with offsets lose no more than Q4_K, at 4.63 bits per weight or less', () => {
    const { codes, scales } = quantizeQ4m(rows, DISTRIBUTION_COLUMNS);
    expect((8 * (codes.length + scales.length)) / rows.length).toBeLessThanOrEqual(4.63);
    const error = relativeRms(dequantizeQ4m(codes, e4m4ToF32(scales), DISTRIBUTION_COLUMNS), rows);
    expect(error).toBeLessThanOrEqual(Q4_K);
  });

  it('4-bit blocks without lose less than Q4_0, and 8-bit ones no more than Q8_0', () => {
    const four = quantizeQ4(rows, true);
    expect(relativeRms(dequantizeQ4(four.codes, four.scales), rows)).toBeLessThan(Q4_0);
    // The same rule; halves of scales are rounded after and before the division by 127.
    const eight = quantizeQ8(rows, true);
    expect(relativeRms(dequantizeQ8(eight.codes, eight.scales), rows) / Q8_0).toBeCloseTo(1, 2);
  });
});

describe('4-bit blocks with offsets', () => {
  const rows = torchRandn(21, 6 * 1056).map((value) => value / 50);

  it('put codes and scales in K columns, then coarse and fine ones of the offsets in whole blocks', () => {
    const { codes, scales } = quantizeQ4m(rows, 1056);
    // 33 blocks, whose offsets take two blocks for the coarse codes and two for the fine.
    expect([codes.length, scales.length]).toEqual([(6 * (1056 + 128)) / 2, 6 * (33 + 4)]);
    // Columns that no offset needs mean zero.
    expect([...codes.subarray(1056 / 2 + 17, 1056 / 2 + 32)]).toEqual(new Array(15).fill(0x88));
  });

  it('depend on their row alone', () => {
    const whole = quantizeQ4m(rows, 1056);
    const third = quantizeQ4m(rows.subarray(2 * 1056, 3 * 1056), 1056);
    expect(third.codes).toEqual(whole.codes.slice(2 * 592, 3 * 592));
    expect(third.scales).toEqual(whole.scales.slice(2 * 37, 3 * 37));
  });

  it('keep zeros zero', () => {
    const sparse = rows.slice(0, 1056).fill(0, 32, 96);
    expect(roundTrip(new Float32Array(1056), 1056)).toEqual(new Float32Array(1056));
    const back = roundTrip(sparse, 1056);
    // An offset is rounded to a fine step, so that of a block of zeros is zero exactly.
    expect([...back.subarray(32, 96)]).toEqual(new Array(64).fill(0));
  });

  it('keep constants that lie on the grid of the offsets', () => {
    // Sixteen coarse steps of 2⁻⁶ around zero.
    const constants = Float32Array.from({ length: 16 * QUANT_BLOCK }, (_, i) => (Math.floor(i / QUANT_BLOCK) - 8) / 64);
    expect(relativeRms(roundTrip(constants, 16 * QUANT_BLOCK), constants)).toBeLessThan(1e-3);
  });

  it('come within 2 % of the least error that any scale and offset of a block can give', () => {
    // Oracle: brute force over 40 scales and 41 offsets, none of them rounded to what can be
    // stored.
    let found = 0;
    let least = 0;
    const back = roundTrip(rows, 1056);
    for (let start = 0; start < 40 * QUANT_BLOCK; start += QUANT_BLOCK) {
      const block = rows.subarray(start, start + QUANT_BLOCK);
      for (const [i, x] of block.entries()) found += (x - back[start + i]!) ** 2;
      least += bruteForce(block);
    }
    expect(Math.sqrt(found / least)).toBeLessThan(1.04);
  });

  it.each([1e-6, 1, 40, 1e5])('are as good for weights about %d in size, their scales in another range', (size) => {
    const scaled = rows.map((value) => value * 50 * size);
    const exponent = scaleExponent(scaled.reduce((max, x) => Math.max(max, Math.abs(x)), 0));
    expect(exponent === 0).toBe(size === 1);
    // Measured: 0.070 at any size.
    expect(relativeRms(roundTrip(scaled, 1056, exponent), scaled)).toBeLessThan(0.072);
  });
});

function bruteForce(block: Float32Array): number {
  const low = Math.min(...block);
  const high = Math.max(...block);
  const step = (high - low) / 15;
  let least = Number.POSITIVE_INFINITY;
  for (let s = 0; s < 40; s++) {
    const scale = step * (0.7 + s * 0.01);
    for (let o = -20; o <= 20; o++) {
      const first = (low + high) / 2 - 7.5 * scale + (o / 20) * 2 * scale;
      let error = 0;
      for (const x of block) {
        const code = Math.max(0, Math.min(15, Math.round((x - first) / scale)));
        error += (x - first - code * scale) ** 2;
      }
      least = Math.min(least, error);
    }
  }
  return least;
}
