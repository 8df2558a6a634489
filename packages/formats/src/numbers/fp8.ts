import { fromF16 } from './half.ts';

/**
 * The two 8-bit floats of published checkpoints, as tables of all 256 codes. Every value is exact
 * in float32.
 * @see https://arxiv.org/abs/2209.05433 table 1 (Micikevicius et al., FP8 Formats for Deep Learning)
 */

/**
 * E4M3 without infinities (torch's float8_e4m3fn): sign, 4 bits of exponent (bias 7), 3 of
 * mantissa; 0x7f and 0xff are NaN, 448 is the largest.
 */
function fromE4M3(code: number): number {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 15;
  const mantissa = code & 7;
  if ((code & 0x7f) === 0x7f) return Number.NaN;
  return exponent === 0 ? (sign * mantissa * 2 ** -6) / 8 : sign * (1 + mantissa / 8) * 2 ** (exponent - 7);
}

const E4M3_VALUES = Float32Array.from({ length: 256 }, (_, code) => fromE4M3(code));
/** E5M2 (torch's float8_e5m2): the upper byte of a float16, infinities and NaNs included. */
const E5M2_VALUES = Float32Array.from({ length: 256 }, (_, code) => fromF16(code << 8));

/** float8_e4m3fn to float32, exact. */
export function e4m3ToF32(codes: Uint8Array): Float32Array<ArrayBuffer> {
  return lookUp(E4M3_VALUES, codes);
}

/** float8_e5m2 to float32, exact. */
export function e5m2ToF32(codes: Uint8Array): Float32Array<ArrayBuffer> {
  return lookUp(E5M2_VALUES, codes);
}

function lookUp(values: Float32Array, codes: Uint8Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = values[codes[i]!]!;
  return out;
}
