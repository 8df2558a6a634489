/** The middle one; of an even number of values the larger of the two. NaN of none. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Of several times of the same work. The fastest is what a busy machine disturbs least. */
export const medianAndFastest = (times: readonly number[]): { median: number; fastest: number } => ({
  median: median(times),
  fastest: Math.min(...times),
});
