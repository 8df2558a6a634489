/** A batch [n, …] as n arrays, copied. */
export function splitBatch(data: Float32Array, n: number): Float32Array[] {
  const length = data.length / n;
  return Array.from({ length: n }, (_, i) => data.slice(i * length, (i + 1) * length));
}

/** n arrays of one length as a batch [n, …]. */
export function joinBatch(arrays: readonly Float32Array[]): Float32Array {
  const length = arrays[0]?.length ?? 0;
  const batch = new Float32Array(arrays.length * length);
  for (const [i, array] of arrays.entries()) batch.set(array, i * length);
  return batch;
}
