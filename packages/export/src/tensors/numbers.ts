import { bf16ToF32, f16ToF32 } from '@flux-srpo/formats';

/** Row-major. Halves stay halves until they are quantized: as floats they would take twice. */
export type Numbers = Float32Array | Halves;

export interface Halves {
  readonly dtype: 'F16' | 'BF16';
  readonly bits: Uint16Array;
}

export function isHalfDtype(dtype: string): dtype is Halves['dtype'] {
  return dtype === 'F16' || dtype === 'BF16';
}

/** Halves from little-endian bytes: a view where these are aligned, else a copy. */
export function halvesOf(dtype: Halves['dtype'], bytes: Uint8Array): Halves {
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return { dtype, bits: new Uint16Array(buffer, byteOffset, length / 2) };
}

/** The same numbers as float32, exact. Returns float32 numbers themselves. */
export function toFloat32(numbers: Numbers): Float32Array {
  if (numbers instanceof Float32Array) return numbers;
  return numbers.dtype === 'F16' ? f16ToF32(numbers.bits) : bf16ToF32(numbers.bits);
}

/** The array that holds the numbers, or their bits. */
export function arrayOf(numbers: Numbers): Float32Array | Uint16Array {
  return numbers instanceof Float32Array ? numbers : numbers.bits;
}

/** A copy of the numbers `start` up to `end`. */
export function sliceNumbers(numbers: Numbers, start = 0, end?: number): Numbers {
  return numbers instanceof Float32Array
    ? numbers.slice(start, end)
    : { dtype: numbers.dtype, bits: numbers.bits.slice(start, end) };
}

/** Columns `start` up to `end` of rows of `rowLength`: a copy, unless these are all columns. */
export function cutColumns(rows: Numbers, rowLength: number, [start, end]: readonly [number, number]): Numbers {
  const width = end - start;
  if (width === rowLength) return rows;
  const array = arrayOf(rows);
  const count = array.length / rowLength;
  const cut = rows instanceof Float32Array ? new Float32Array(count * width) : new Uint16Array(count * width);
  for (let row = 0; row < count; row++) {
    cut.set(array.subarray(row * rowLength + start, row * rowLength + end), row * width);
  }
  return cut instanceof Float32Array ? cut : { dtype: (rows as Halves).dtype, bits: cut };
}
