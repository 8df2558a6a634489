/**
 * ONNX Runtime Web rounds its work buffers on WebGPU up to the next of these sizes, so that it can
 * use them again. It keeps them while the device lives. Larger buffers have their exact size and
 * are made anew at every run.
 * @see https://github.com/microsoft/onnxruntime/blob/f2c39fe2f/onnxruntime/core/providers/webgpu/buffer_manager.cc `BUCKET_DEFAULT_LIMIT_TABLE`
 */
const BUCKETS: readonly number[] = [
  ...[6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23].map((bits) => 2 ** bits),
  12_582_912,
  16_777_216,
  26_214_400,
  33_554_432,
  44_236_800,
  58_982_400,
  67_108_864,
  134_217_728,
  167_772_160,
];

/** Bytes above which buffers are not pooled. */
export const LARGEST_BUCKET = BUCKETS.at(-1) as number;

/** Bytes that the runtime allocates for a work buffer of `bytes`. */
export function bucketBytes(bytes: number): number {
  return BUCKETS.find((bucket) => bucket >= bytes) ?? Math.ceil(bytes / 16) * 16;
}

/** Work buffers that are alive at the same time: how many of how many bytes each. */
export type BufferCounts = readonly (readonly [count: number, bytes: number])[];

/**
 * Bytes of the buffers of several moments on one device. What one moment leaves in a bucket, the
 * next uses again; buffers larger than all buckets are gone by then.
 */
export function pooledBytes(moments: readonly BufferCounts[]): number {
  const pool = new Map<number, number>();
  let mostBeyond = 0;
  for (const buffers of moments) {
    const own = new Map<number, number>();
    let beyond = 0;
    for (const [count, bytes] of buffers) {
      const size = bucketBytes(bytes);
      if (size > LARGEST_BUCKET) beyond += count * size;
      else own.set(size, (own.get(size) ?? 0) + count);
    }
    mostBeyond = Math.max(mostBeyond, beyond);
    for (const [bucket, count] of own) pool.set(bucket, Math.max(pool.get(bucket) ?? 0, count));
  }
  return mostBeyond + [...pool].reduce((sum, [bucket, count]) => sum + bucket * count, 0);
}
