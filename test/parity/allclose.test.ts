import { describe, expect, it } from 'vitest';
import { closeness } from '../support/allclose.ts';

const TOLERANCE = { atol: 1e-4, rtol: 1e-4 };

describe('toBeAllclose', () => {
  it('passes within atol + rtol·|expected| and fails just outside', () => {
    expect([10.001]).toBeAllclose([10], TOLERANCE);
    expect(() => expect([10.0012]).toBeAllclose([10], TOLERANCE)).toThrow(/max \|Δ\| 1\.20e-3/);
  });

  it('fails on NaN, on infinity, and on a NaN that only one side has', () => {
    expect(closeness([0, Number.NaN], [0, 1], TOLERANCE).worst).toBe(Number.POSITIVE_INFINITY);
    expect(closeness([0, 1, 2], [0, Number.NaN, 2], TOLERANCE).worst).toBe(Number.POSITIVE_INFINITY);
    expect(closeness([Number.POSITIVE_INFINITY], [1], TOLERANCE).worst).toBe(Number.POSITIVE_INFINITY);
  });

  it('names the worst value and reports the mean over all', () => {
    expect(closeness([1, 2, 3.3], [1, 2, 3], TOLERANCE)).toMatchObject({ at: 2, meanError: expect.closeTo(0.1, 6) });
  });

  it('refuses arrays of different length', () => {
    expect(() => closeness([1], [1, 2], TOLERANCE)).toThrow(RangeError);
  });
});
