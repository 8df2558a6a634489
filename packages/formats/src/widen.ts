import { FormatError } from '@flux-srpo/core';
import type { Dtype } from './dtype.ts';
import { e4m3ToF32, e5m2ToF32 } from './fp8.ts';
import { bf16ToF32, f16ToF32 } from './half.ts';

/** The dtypes that widen to float32 without loss. */
export const WIDENABLE = ['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const satisfies readonly Dtype[];

/**
 * Float32 values of a little-endian F32, F16, BF16, F8_E4M3 or F8_E5M2 tensor; exact. F64 is refused: narrowing is a choice of the caller.
 *
 * @returns a view of `bytes` for aligned F32, else a new array
 */
export function widen(dtype: Dtype, bytes: Uint8Array): Float32Array {
  switch (dtype) {
    case 'F32': {
      const aligned = align(bytes, 4);
      return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    }
    case 'F16':
      return f16ToF32(halves(bytes));
    case 'BF16':
      return bf16ToF32(halves(bytes));
    case 'F8_E4M3':
      return e4m3ToF32(bytes);
    case 'F8_E5M2':
      return e5m2ToF32(bytes);
    default:
      throw new FormatError(`expected a tensor of ${WIDENABLE.join(', ')}, got ${dtype}`, {
        code: 'format/dtype-unsupported',
        details: { dtype },
      });
  }
}

function halves(bytes: Uint8Array): Uint16Array {
  const aligned = align(bytes, 2);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

/** Typed arrays refuse an odd start; every platform with WebGPU or Node is little-endian, so bytes need no swapping. */
function align(bytes: Uint8Array, unit: number): Uint8Array {
  return bytes.byteOffset % unit === 0 ? bytes : bytes.slice();
}
