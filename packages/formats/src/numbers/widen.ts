import { FormatError } from '@flux-srpo/core';
import { DTYPE_BITS, type Dtype } from './dtype.ts';
import { e4m3ToF32, e5m2ToF32 } from './fp8.ts';
import { bf16ToF32, f16ToF32 } from './half.ts';

/** The dtypes that widen to float32 without loss. */
export const WIDENABLE = ['F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2'] as const satisfies readonly Dtype[];

/**
 * Float32 values of a little-endian tensor of one of these dtypes, exact. Others are refused:
 * whether to round is the caller's choice.
 * @param into memory of as many floats or more that F16 may be widened into
 * @returns a view of `bytes` for aligned F32, else a new array or a view of `into`
 */
export function widen(dtype: Dtype, bytes: Uint8Array, into?: Float32Array<ArrayBuffer>): Float32Array {
  switch (dtype) {
    case 'F32': {
      const aligned = align(bytes, 4);
      return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4);
    }
    case 'F16':
      return f16ToF32(halves(bytes), into);
    case 'BF16':
      return bf16ToF32(halves(bytes));
    case 'F8_E4M3':
      return e4m3ToF32(bytes);
    case 'F8_E5M2':
      return e5m2ToF32(bytes);
    default:
      throw new FormatError(
        `a tensor must be of ${WIDENABLE.join(', ')} to be read as float32, got ${dtype}; convert the file to one of them`,
        { code: 'format/dtype-unsupported', details: { dtype } },
      );
  }
}

/** The other dtypes of numbers, with a reader for each. */
const ROUNDABLE: Readonly<Partial<Record<Dtype, (view: DataView, at: number) => number>>> = {
  F64: (view, at) => view.getFloat64(at, true),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  U64: (view, at) => Number(view.getBigUint64(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  U32: (view, at) => view.getUint32(at, true),
  I16: (view, at) => view.getInt16(at, true),
  U16: (view, at) => view.getUint16(at, true),
  I8: (view, at) => view.getInt8(at),
  U8: (view, at) => view.getUint8(at),
  BOOL: (view, at) => view.getUint8(at),
};

export function isRoundable(dtype: Dtype): boolean {
  return dtype in ROUNDABLE;
}

/** {@link widen}, or of other numbers the nearest float32: to look at, not to compute with. */
export function roundToF32(dtype: Dtype, bytes: Uint8Array): Float32Array {
  const read = ROUNDABLE[dtype];
  if (read === undefined) return widen(dtype, bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = DTYPE_BITS[dtype] / 8;
  return Float32Array.from({ length: bytes.length / size }, (_, i) => read(view, i * size));
}

function halves(bytes: Uint8Array): Uint16Array {
  const aligned = align(bytes, 2);
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}

/**
 * A copy where the bytes start in the middle of a unit, which typed arrays refuse. Bytes need no
 * swapping: every platform with WebGPU or Node is little-endian.
 */
function align(bytes: Uint8Array, unit: number): Uint8Array {
  return bytes.byteOffset % unit === 0 ? bytes : bytes.slice();
}
