/**
 * Half-precision floats as their 16 bits in a Uint16Array, to and from float32.
 *
 * float16: sign, 5 bits of exponent (bias 15), 10 of mantissa. bfloat16: the upper half of a
 * float32. Narrowing rounds to nearest, ties to even, as torch and IEEE 754 do. Too large values
 * become infinity, and every NaN the same quiet NaN.
 */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** One float32 as float16 bits. */
function toF16(value: number): number {
  f32[0] = value;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 and above round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: adding 0.5 brings float16's last place (2^-24) to float32's, which rounds to even.
    u32[0] = magnitude;
    f32[0] = f32[0]! + 0.5;
    return sign | (u32[0]! - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** One float16, from its bits. */
export function fromF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Float32 to float16 bits. */
export function f32ToF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = toF16(values[i]!);
  return out;
}

let f16Values: Float32Array | undefined;

/** All float16 values by their bits (256 KB): looking up is several times faster. */
export function f16Table(): Float32Array {
  f16Values ??= Float32Array.from({ length: 65536 }, (_, i) => fromF16(i));
  return f16Values;
}

/**
 * Float16 bits to float32, exact.
 * @param into memory of as many floats or more that may be used instead of a new array
 */
export function f16ToF32(bits: Uint16Array, into?: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const table = f16Table();
  const out = into?.subarray(0, bits.length) ?? new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

/** Bfloat16 bits to float32, exact. */
export function bf16ToF32(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}
