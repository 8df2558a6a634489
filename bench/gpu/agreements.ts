import type { Line } from './questions.ts';

/**
 * How far blocks on other kernels are from the ones in float32, with the same weights and inputs:
 * root of the mean square difference, relative to the size.
 */
export function agreements(lines: readonly Line[]): Line[] {
  const blocks = lines.filter(({ what }) => what === 'block');
  return blocks.flatMap((line): Line[] => {
    const { dtype, kind, size, precision, highestRung } = line;
    const exact = blocks.find(
      (other) => other.precision === 'f32' && other.dtype === dtype && other.kind === kind && other.size === size,
    );
    if (exact === undefined || exact === line) return [];
    const difference = relativeDifference(line.sample as number[], exact.sample as number[]);
    return [{ what: 'agreement', kind, size, dtype, precision, highestRung, difference }];
  });
}

function relativeDifference(got: readonly number[], want: readonly number[]): number {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value ** 2, 0);
  return Math.sqrt(sum(want.map((value, i) => (got[i] ?? Number.NaN) - value)) / sum(want));
}
