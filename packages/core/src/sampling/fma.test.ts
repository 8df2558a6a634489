import { describe, expect, it } from 'vitest';
import { fma } from './fma.ts';

const f = Math.fround;

/** A float32 as integer·2^-200; exact for everything the tests use. */
function toFixed(value: number): bigint {
  let scale = 0;
  while (!Number.isInteger(value)) {
    value *= 2;
    scale++;
  }
  return BigInt(value) << BigInt(200 - scale);
}

/** a·b + c in exact arithmetic, rounded once to 24 bits, ties to even. */
function exactFma(a: number, b: number, c: number): number {
  const exact = ((toFixed(a) * toFixed(b)) >> 200n) + toFixed(c);
  const magnitude = exact < 0n ? -exact : exact;
  const drop = BigInt(Math.max(magnitude.toString(2).length - 24, 0));
  const unit = 1n << drop;
  const rest = magnitude % unit;
  let kept = magnitude / unit;
  if (rest * 2n > unit || (rest * 2n === unit && kept % 2n === 1n)) kept += 1n;
  const result = Number(kept) * 2 ** (Number(drop) - 200);
  return exact < 0n ? -result : result;
}

describe('fma', () => {
  it('rounds once where rounding to float64 first would meet a tie', () => {
    let corrected = 0;
    for (let i = 1; i < 4000; i++) {
      const a = f((1 + i * 2 ** -20) * 2 ** -12);
      const b = f(2 ** -24 / a); // a·b is nearly half a unit in the last place of c
      for (const c of [1, 1 + 2 ** -23, -1, -1 - 2 ** -23]) {
        const expected = exactFma(a, b, c);
        expect(fma(a, b, c)).toBe(expected);
        if (f(a * b + c) !== expected) corrected++;
      }
    }
    // The test is worthless unless plain float64 fails some of these.
    expect(corrected).toBeGreaterThan(50);
  });

  it('equals exact arithmetic on ordinary numbers', () => {
    for (let i = 0; i < 2000; i++) {
      const [a, b, c] = [f(Math.sin(i) * 3), f(Math.cos(i * 7)), f(Math.sin(i * 13) * 2 ** ((i % 40) - 20))];
      expect(fma(a, b, c)).toBe(exactFma(a, b, c));
    }
  });
});
