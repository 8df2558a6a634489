/**
 * Unsigned 8-bit floats: 4 bits of exponent with float16's bias of 15, then 4 of mantissa. A code
 * is a positive float16 below 2 without its lowest six bits, and without sign and highest exponent
 * bit, which are zero: float16 bits = code << 6.
 *
 * Values go from 2⁻¹⁴ to 1.9375 in steps of 3 to 6 % and are exact in float16 and float32. Codes 1
 * to 15 are subnormal and not used.
 */

/**
 * The float32 values of codes, exact.
 * @param into memory of as many floats or more that may be used instead of a new array
 */
export function e4m4ToF32(codes: Uint8Array, into?: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const out = into?.subarray(0, codes.length) ?? new Float32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = E4M4_VALUES[codes[i]!]!;
  return out;
}

/** The value of each code, ascending. */
const E4M4_VALUES: Float32Array<ArrayBuffer> = Float32Array.from({ length: 256 }, (_, code) => {
  const exponent = code >> 4;
  const mantissa = code & 15;
  return exponent === 0 ? mantissa * 2 ** -18 : (1 + mantissa / 16) * 2 ** (exponent - 15);
});

/** The smallest code that is not subnormal, 2⁻¹⁴, and the largest, 1.9375. */
const E4M4_FIRST_NORMAL = 16;
const E4M4_LAST = 255;

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The largest normal code whose value is at most `value`, bounded to 2⁻¹⁴ … 1.9375. */
export function e4m4Floor(value: number): number {
  f32[0] = value;
  // Exponent and upper mantissa bits of a float32, whose bias is 127.
  const code = (u32[0]! >>> 19) - ((127 - 15) << 4);
  return code < E4M4_FIRST_NORMAL ? E4M4_FIRST_NORMAL : Math.min(code, E4M4_LAST);
}
