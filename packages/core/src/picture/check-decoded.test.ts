import { describe, expect, it } from 'vitest';
import { isFluxError } from '../errors.ts';
import { checkPicture } from './check-decoded.ts';

function refusal(planar: Float32Array): string {
  try {
    checkPicture(planar);
  } catch (error) {
    return isFluxError(error, 'inference/output-invalid') ? error.message : `not ours: ${String(error)}`;
  }
  return '';
}

describe('checkPicture', () => {
  const picture = Float32Array.from({ length: 3 * 4 * 5 }, (_, i) => Math.sin(i));

  it('lets a picture pass, even a dim one', () => {
    expect(refusal(picture)).toBe('');
    expect(refusal(picture.map((value) => value * 0.01))).toBe('');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses one value of %s', (value) => {
    expect(refusal(picture.with(59, value))).toMatch(/value 59 .* must be finite/);
  });

  it('refuses one colour', () => {
    expect(refusal(new Float32Array(60))).toMatch(/must not be flat/);
    expect(refusal(new Float32Array(60).fill(-1))).toMatch(/must not be flat/);
    expect(refusal(new Float32Array(0))).toMatch(/must not be flat/);
  });
});
