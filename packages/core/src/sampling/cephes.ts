import { f } from '../fround.ts';
import { fma } from './fma.ts';

/**
 * The Cephes ln, sin and cos that PyTorch's AVX2 code uses for noise. Values are JavaScript numbers
 * that hold float32 exactly.
 *
 * The order of roundings is that of the x86 build, where the compiler contracts multiply and add
 * into FMA; `Math.log` and friends instead would move about one value in six by one unit in the
 * last place.
 * @see https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/native/cpu/avx_mathfun.h
 */

const float32 = new Float32Array(1);
const word32 = new Uint32Array(float32.buffer);

const LN_POLYNOMIAL = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(f);
const SQRT_HALF = f(Math.SQRT1_2);
// ln 2 in two parts, so that e·LN2_HIGH is exact.
const LN2_LOW = f(-2.1219444e-4);
const LN2_HIGH = 0.693359375;

/** Natural logarithm of a positive float32. */
export function cephesLn(value: number): number {
  float32[0] = Math.max(value, 2 ** -126);
  const bits = word32[0]!;
  let exponent = (bits >>> 23) - 126;
  word32[0] = (bits & 0x007fffff) | 0x3f000000;
  const mantissa = float32[0]; // in [0.5, 1)
  let x = f(mantissa - 1);
  if (mantissa < SQRT_HALF) {
    exponent -= 1;
    x = f(x + mantissa);
  }
  const z = f(x * x);
  let y = LN_POLYNOMIAL[0]!;
  for (let i = 1; i < LN_POLYNOMIAL.length; i++) y = fma(y, x, LN_POLYNOMIAL[i]!);
  y = f(y * x);
  y = fma(y, z, f(exponent * LN2_LOW));
  y = fma(-z, 0.5, y);
  return fma(exponent, LN2_HIGH, f(x + y));
}

const FOUR_OVER_PI = f(1.27323954473516);
// −π/4 in three parts (Cody and Waite), so that subtracting j·π/4 loses nothing.
const PI_4_A = -0.78515625;
const PI_4_B = f(-2.4187564849853516e-4);
const PI_4_C = f(-3.774894977445941e-8);
const COS_P0 = f(2.443315711809948e-5);
const COS_P1 = f(-1.388731625493765e-3);
const COS_P2 = f(4.166664568298827e-2);
const SIN_P0 = f(-1.9515295891e-4);
const SIN_P1 = f(8.3321608736e-3);
const SIN_P2 = f(-1.6666654611e-1);

/** Writes (sin θ, cos θ) of a non-negative float32 angle into `out`. */
export function cephesSinCos(theta: number, out: { sin: number; cos: number }): void {
  const octant = (Math.trunc(f(theta * FOUR_OVER_PI)) + 1) & ~1;
  let x = fma(octant, PI_4_A, theta);
  x = fma(octant, PI_4_B, x);
  x = fma(octant, PI_4_C, x);
  const z = f(x * x);

  let c = fma(COS_P0, z, COS_P1);
  c = fma(c, z, COS_P2);
  c = f(c * z);
  c = fma(c, z, -f(0.5 * z));
  c = f(c + 1);

  let s = fma(SIN_P0, z, SIN_P1);
  s = fma(s, z, SIN_P2);
  s = f(s * z);
  s = fma(s, x, x);

  const swapped = (octant & 2) !== 0;
  const sin = swapped ? c : s;
  const cos = swapped ? s : c;
  out.sin = (octant & 4) !== 0 ? -sin : sin;
  out.cos = (~(octant - 2) & 4) !== 0 ? -cos : cos;
}
