import { f16ToF32, f32ToF16 } from '@flux-srpo/formats';

/** 4-bit blocks with an offset each: weight = (q − 8)·scale + offset. */
export interface OffsetBlocks {
  /** [N, K/32, 16], low nibble first. */
  readonly codes: Uint8Array;
  /** [N, K/32] */
  readonly scales: Float32Array;
  /** [K/32, N], as a product with the block sums takes them. */
  readonly offsets: Float32Array;
}

/** Share of the weights' size that halves may change. 4 bits themselves change 140 times that. */
const HALVES_ERROR = 5e-4;

/** Mean square of q − 8 over all codes. */
const CODE_SQUARE = 21.5;

/** F16 for scales and offsets, unless the weights would lose more than 4-bit blocks can spare. */
export function offsetDtype({ scales, offsets }: OffsetBlocks): 'F16' | 'F32' {
  const scale = halvesError(scales);
  const offset = halvesError(offsets);
  const error = offset.error + CODE_SQUARE * scale.error;
  return error <= HALVES_ERROR ** 2 * (offset.size + CODE_SQUARE * scale.size) ? 'F16' : 'F32';
}

/** Sums of squares: of what rounding to halves changes, and of the numbers. */
function halvesError(numbers: Float32Array): { error: number; size: number } {
  const halves = f16ToF32(f32ToF16(numbers));
  let error = 0;
  let size = 0;
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i]!;
    error += (halves[i]! - x) ** 2;
    size += x * x;
  }
  return { error, size };
}
