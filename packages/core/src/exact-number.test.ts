import { describe, expect, it } from 'vitest';
import { isRounded } from './exact-number.ts';

describe('a decimal number', () => {
  // Exact by IEEE 754: whole numbers to 2^53, and fractions are never asked about.
  it.each([
    '0',
    '-0',
    '7',
    '7.0',
    '7.00000000000000000000',
    '1e3',
    '1.5e1',
    '100e-2',
    '3.5',
    '0.1',
    '9007199254740991',
  ])('%s is kept', (text) => expect(isRounded(text)).toBe(false));

  it.each([
    '9007199254740993',
    '-9007199254740993',
    '9007199254740993e0',
    '9.007199254740993e15',
    '9007199254740990.9',
    '1.00000000000000001',
    '1.00000000000000001e0',
    '1e-400',
    `0.${'9'.repeat(20)}`,
    `1${'0'.repeat(18)}1`,
  ])('%s becomes another whole number', (text) => expect(isRounded(text)).toBe(true));

  it.each(['9007199254740992', '18446744073709552000', '9'.repeat(100), '1e400'])(
    '%s is past all whole numbers that are kept, and is printed as it was written or with an exponent',
    (text) => expect(isRounded(text)).toBe(false),
  );

  it('takes time in proportion to its digits', () => {
    const start = performance.now();
    isRounded(`1${'0'.repeat(1e6)}1`);
    isRounded(`${'0'.repeat(1e6)}1${'0'.repeat(1e6)}`);
    // A few milliseconds; squared it would be minutes.
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
