import { expect } from 'vitest';

/** Passes where |actual − expected| ≤ atol + rtol·|expected| for every value. */
export interface Tolerance {
  atol: number;
  rtol: number;
}

export interface Closeness {
  maxError: number;
  meanError: number;
  /**
   * Largest error as a multiple of what is allowed there; ≤ 1 passes. Infinite where a value is not
   * finite.
   */
  worst: number;
  /** Index of the worst value. */
  at: number;
}

/** Compares two arrays of the same length value by value. */
export function closeness(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance): Closeness {
  if (actual.length !== expected.length) {
    throw new RangeError(`cannot compare ${actual.length} values with ${expected.length}`);
  }
  const found: Closeness = { maxError: 0, meanError: 0, worst: 0, at: 0 };
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i]! - expected[i]!);
    const ratio = error === 0 ? 0 : error / (tolerance.atol + tolerance.rtol * Math.abs(expected[i]!));
    // Written so that NaN counts as the worst: it compares false with everything.
    if (!(ratio <= found.worst)) {
      found.worst = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio;
      found.at = i;
    }
    found.maxError = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(found.maxError, error);
    found.meanError += error / expected.length;
  }
  return found;
}

export function describeCloseness(
  { maxError, meanError, worst, at }: Closeness,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): string {
  return (
    `max |Δ| ${maxError.toExponential(2)}, mean |Δ| ${meanError.toExponential(2)} over ${expected.length} values; ` +
    `worst is ${worst.toFixed(3)} × the tolerance, at ${at}: expected ${expected[at]}, got ${actual[at]}`
  );
}

expect.extend({
  toBeAllclose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: Tolerance) {
    const found = closeness(actual, expected, tolerance);
    return { pass: found.worst <= 1, message: () => describeCloseness(found, actual, expected) };
  },
});

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the parameter as Vitest declares it
  interface Matchers<T = any> {
    /** See {@link Tolerance}. The message reports maximum and mean error. */
    toBeAllclose(expected: ArrayLike<number>, tolerance: Tolerance): T;
  }
}
