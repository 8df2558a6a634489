/** Smallest normal and largest finite half float. */
const F16_MIN_NORMAL = 2 ** -14;
const F16_MAX = 65504;

/** F16, which holds scales of half precision exactly unless one is subnormal or overflows. */
export function scaleDtype(scales: Float32Array): 'F16' | 'F32' {
  for (const scale of scales) {
    const magnitude = Math.abs(scale);
    if (magnitude !== 0 && (magnitude < F16_MIN_NORMAL || magnitude > F16_MAX)) return 'F32';
  }
  return 'F16';
}
