// The quantizer's inner loops, in AssemblyScript: WebAssembly has the vector instructions that
// JavaScript lacks. `npm run wasm` compiles this file to ../src/quantize/kernels.wasm.ts;
// ../src/quantize/staging.ts lays out the memory and calls it.
//
// Pointers are bytes into the module's memory. Rows are finite float32 in whole blocks of 32. A
// `v128` is four float32 unless a comment says otherwise. The order of every sum is fixed, so that
// all machines compute the same bytes.

/** Bytes of a block's 32 float32, and of a vector. */
const BLOCK: usize = 128;
const VECTOR: usize = 16;

/** Where the block under work is kept, scaled or centred. */
const block: usize = memory.data(128, 16);

/** Where the four lanes of a search's results are kept: errors, codes, rests. */
const results: usize = memory.data(48, 16);

/** 2⁻¹²⁰: blocks of smaller values become zeros, so that no reciprocal overflows. */
const TINY: f32 = 7.52316384526264e-37;

// ---- halves: exact, `count` a multiple of 32 ----

/** @param from [count] bfloat16, the upper halves of float32 @param rows [count] float32 */
export function widenBf16(from: usize, rows: usize, count: usize): void {
  for (const end = from + (count << 1); from < end; from += VECTOR, rows += 2 * VECTOR) {
    const halves = v128.load(from);
    const zeros = i16x8.splat(0);
    v128.store(rows, i16x8.shuffle(zeros, halves, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(rows, i16x8.shuffle(zeros, halves, 4, 12, 5, 13, 6, 14, 7, 15), VECTOR);
  }
}

/** @param from [count] float16 @param rows [count] float32 */
export function widenF16(from: usize, rows: usize, count: usize): void {
  for (const end = from + (count << 1); from < end; from += VECTOR, rows += 2 * VECTOR) {
    const halves = v128.load(from);
    v128.store(rows, widenedF16(i32x4.extend_low_i16x8_s(halves)));
    v128.store(rows, widenedF16(i32x4.extend_high_i16x8_s(halves)), VECTOR);
  }
}

/** 2¹¹² */
const BIAS_DIFFERENCE: f32 = 5.192296858534828e33;

/**
 * Four float16 in int32. Exponent and mantissa are moved to float32's, whose exponents are larger
 * by 112; a multiplication corrects that, for
 * subnormals too.
 */
function widenedF16(bits: v128): v128 {
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const finite = f32x4.mul(magnitude, f32x4.splat(BIAS_DIFFERENCE));
  // Infinities and NaN: all bits of the exponent.
  const isOther = i32x4.gt_s(magnitude, i32x4.splat(0x0f7fffff));
  const other = v128.or(magnitude, i32x4.splat(0x7f800000));
  const sign = v128.and(bits, i32x4.splat(0x80000000));
  return v128.or(v128.bitselect(other, finite, isOther), sign);
}

// ---- magnitudes ----

/** Largest |x| as its bits; where a value is not finite, no less than infinity's. */
export function largestBits(rows: usize, blocks: usize): u32 {
  const magnitude = i32x4.splat(0x7fffffff);
  let largest = i32x4.splat(0);
  for (const end = rows + blocks * BLOCK; rows < end; rows += VECTOR) {
    largest = i32x4.max_u(largest, v128.and(v128.load(rows), magnitude));
  }
  v128.store(results, largest);
  return max(max(load<u32>(results), load<u32>(results, 4)), max(load<u32>(results, 8), load<u32>(results, 12)));
}

// ---- 8 bits: value = (q − 128)·scale, scale = max|x| / 127 ----

/**
 * @param codes [blocks, 32]
 * @param scales [blocks] float32
 * @param halves whether scales are rounded to halves
 */
export function q8(rows: usize, blocks: usize, halves: bool, codes: usize, scales: usize): void {
  for (let i: usize = 0; i < blocks; i++) {
    const at = rows + i * BLOCK;
    const scale = rounded(<f64>reinterpret<f32>(largestBits(at, 1)) / 127, halves);
    store<f32>(scales + (i << 2), scale);
    const inverse = f64x2.splat(scale === 0 ? 0 : 1 / <f64>scale);
    for (let half: usize = 0; half < BLOCK; half += BLOCK / 2) {
      const a = i16x8.narrow_i32x4_s(q8Codes(at + half, inverse), q8Codes(at + half + VECTOR, inverse));
      const b = i16x8.narrow_i32x4_s(
        q8Codes(at + half + 2 * VECTOR, inverse),
        q8Codes(at + half + 3 * VECTOR, inverse),
      );
      v128.store(codes + (i * BLOCK + half) / 4, i8x16.narrow_i16x8_u(a, b));
    }
  }
}

/**
 * Four codes as int32, computed in float64: a code must not depend on whether the product was
 * rounded first.
 */
function q8Codes(rows: usize, inverse: v128): v128 {
  const x = v128.load(rows);
  // Truncation of what is not negative takes the place of rounding.
  const half = f64x2.splat(128.5);
  const low = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(x), inverse), half);
  const high = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(i32x4.shuffle(x, x, 2, 3, 2, 3)), inverse), half);
  const codes = i32x4.shuffle(i32x4.trunc_sat_f64x2_s_zero(low), i32x4.trunc_sat_f64x2_s_zero(high), 0, 1, 4, 5);
  return i32x4.max_s(i32x4.min_s(codes, i32x4.splat(255)), i32x4.splat(1));
}

// ---- 4 bits: value = (q − 8)·scale, the scale searched for least squared error ----

/**
 * @param codes [blocks, 16], low nibble first
 * @param scales [blocks] float32
 * @param halves whether scales are rounded to halves
 */
export function q4(rows: usize, blocks: usize, halves: bool, codes: usize, scales: usize): void {
  for (let i: usize = 0; i < blocks; i++) {
    const at = rows + i * BLOCK;
    const scale = searchScale(at, halves);
    store<f32>(scales + (i << 2), scale);
    storeNibbles(codes + i * 16, at, scale === 0 ? 0 : 1 / scale, 8);
  }
}

/**
 * The best stored scale found for a block; negative where the largest value is positive, so that it
 * gets −8.
 */
function searchScale(rows: usize, halves: bool): f32 {
  const extreme = largestValue(rows);
  if (abs(extreme) < TINY) return 0;
  // As shares of the largest value, so that no sum overflows.
  const divisor = f32x4.splat(extreme);
  for (let at: usize = 0; at < BLOCK; at += VECTOR) v128.store(block + at, f32x4.div(v128.load(rows + at), divisor));
  const plain = rounded(<f64>extreme / -8, halves);
  const searched = rounded(<f64>extreme * bestShare(), halves);
  return squaredError(searched / extreme) < squaredError(plain / extreme) ? searched : plain;
}

function largestValue(rows: usize): f32 {
  let low = v128.load(rows);
  let high = low;
  for (let at: usize = VECTOR; at < BLOCK; at += VECTOR) {
    const x = v128.load(rows + at);
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
  }
  const lowest = leastLane(low);
  const highest = greatestLane(high);
  return -lowest > highest ? lowest : highest;
}

/**
 * Of the scales that six start levels lead to, as shares of the largest value, the one of least
 * squared error. A start level is one tried for the largest value; the scale it gives is refitted
 * to the codes it leads to. For given codes q the best scale is Σxq / Σq², and it leaves an error
 * of Σx² − (Σxq)² / Σq².
 *
 * −8 is ggml's Q4_0: the one level beyond ±7 goes to the largest value. Its neighbours trade
 * clipping it against finer steps for the rest. On normal values these six reach the error of a
 * search over 8000 scales to a thousandth.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `make_qx_quants`
 */
function bestShare(): f32 {
  let best: f32 = 0;
  let most: f32 = 0;
  for (let first: f32 = -9; first < -7; first += 1.2) {
    const fits = refit(first, first + 0.4, first + 0.8);
    // Σxq / Σq² · Σxq
    const gains = f32x4.mul(fits, v128.load(results));
    v128.store(results, gains);
    v128.store(results + VECTOR, fits);
    for (let lane: usize = 0; lane < 12; lane += 4) {
      const gain = load<f32>(results + lane);
      if (gain <= most) continue;
      most = gain;
      best = load<f32>(results + VECTOR + lane);
    }
  }
  return best;
}

/**
 * Σxq / Σq² from three levels of the largest value, in the first lanes; Σxq is left in `results`.
 */
function refit(level0: f32, level1: f32, level2: f32): v128 {
  const l0 = f32x4.splat(level0);
  const l1 = f32x4.splat(level1);
  const l2 = f32x4.splat(level2);
  let products0 = f32x4.splat(0);
  let products1 = products0;
  let products2 = products0;
  let squares0 = products0;
  let squares1 = products0;
  let squares2 = products0;
  for (let at: usize = 0; at < BLOCK; at += VECTOR) {
    const x = v128.load(block + at);
    const q0 = nearestLevel(f32x4.mul(x, l0));
    products0 = f32x4.add(products0, f32x4.mul(x, q0));
    squares0 = f32x4.add(squares0, f32x4.mul(q0, q0));
    const q1 = nearestLevel(f32x4.mul(x, l1));
    products1 = f32x4.add(products1, f32x4.mul(x, q1));
    squares1 = f32x4.add(squares1, f32x4.mul(q1, q1));
    const q2 = nearestLevel(f32x4.mul(x, l2));
    products2 = f32x4.add(products2, f32x4.mul(x, q2));
    squares2 = f32x4.add(squares2, f32x4.mul(q2, q2));
  }
  const products = joinSums(pairSums(products0, products1), pairSums(products2, products2));
  v128.store(results, products);
  return f32x4.div(products, joinSums(pairSums(squares0, squares1), pairSums(squares2, squares2)));
}

/** Σ (x − q·scale)² of the kept block, q the nearest levels. */
function squaredError(scale: f32): f32 {
  const step = f32x4.splat(scale);
  const inverse = f32x4.splat(1 / scale);
  let total = f32x4.splat(0);
  for (let at: usize = 0; at < BLOCK; at += VECTOR) {
    const x = v128.load(block + at);
    const rest = f32x4.sub(x, f32x4.mul(nearestLevel(f32x4.mul(x, inverse)), step));
    total = f32x4.add(total, f32x4.mul(rest, rest));
  }
  return sumOfLanes(total);
}

function nearestLevel(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(f32x4.nearest(x), f32x4.splat(7)), f32x4.splat(-8));
}

// ---- 4 bits with offsets: value = (q − 8)·scale + offset ----
// `quantizeQ4m` in ../src/quantize/q4m.ts says how offsets are stored.

/** Levels of 4 bits. */
const LOWEST: f32 = -8;
const HIGHEST: f32 = 7;
const STEPS: f32 = 15;

/**
 * Scales tried for a block, as shares of (max − min) / 15, with every stored scale between them: a
 * shorter range clips the largest values and is finer for the rest. Beyond these the error fell by
 * less than 1 % in the distributions of bench/quantization.ts.
 */
const WIDEST: f32 = 1.04;
const NARROWEST: f32 = 0.85;

/**
 * @param unit what rows are multiplied by
 * @param padded columns of one code of the offsets, a multiple of 32; there are two
 * @param offsets room for a float32 per block of a row
 * @param codes [count, width / 2], low nibble first, filled with the code of zero; width =
 *   inFeatures + 2·padded
 * @param scales [count, width / 32] e4m4
 */
export function q4m(
  rows: usize,
  count: usize,
  inFeatures: usize,
  padded: usize,
  unit: f32,
  offsets: usize,
  codes: usize,
  scales: usize,
): void {
  const blocks = inFeatures / 32;
  const width = inFeatures + 2 * padded;
  for (let row: usize = 0; row < count; row++) {
    for (let i: usize = 0; i < blocks; i++) searchBlock(rows + i * BLOCK, unit, scales + i, offsets + (i << 2));
    for (let first: usize = 0; first < blocks; first += 32) {
      const coarseScale = scales + blocks + first / 32;
      const coarseCodes = codes + (inFeatures + first) / 2;
      const own = min<usize>(32, blocks - first);
      quantizeOffsets(offsets + (first << 2), own, coarseScale, padded / 32, coarseCodes, padded / 2);
    }
    for (let i: usize = 0; i < blocks; i++) {
      const scale = e4m4(load<u8>(scales + i));
      const inverse: f32 = scale === 0 ? 0 : 1 / scale;
      storeNibbles(codes + i * 16, rows + i * BLOCK, unit * inverse, 8 - load<f32>(offsets + (i << 2)) * inverse);
    }
    rows += inFeatures << 2;
    codes += width / 2;
    scales += width / 32;
  }
}

/**
 * Stores a block's best scale (e4m4) and offset. For each scale four grids are laid, a quarter of a
 * step apart, around the middle of the range; a lane is a grid. For given codes q and a scale s the
 * best offset is the mean of x − s·q, and the error it leaves is Σ(x − s·q)² − (Σ(x − s·q))² / 32.
 */
function searchBlock(rows: usize, unit: f32, scaleTo: usize, offsetTo: usize): void {
  const units = f32x4.splat(unit);
  let low = f32x4.mul(v128.load(rows), units);
  let high = low;
  for (let at: usize = VECTOR; at < BLOCK; at += VECTOR) {
    const x = f32x4.mul(v128.load(rows + at), units);
    low = f32x4.pmin(low, x);
    high = f32x4.pmax(high, x);
  }
  const lowest = leastLane(low);
  const highest = greatestLane(high);
  if (lowest === 0 && highest === 0) {
    store<u8>(scaleTo, 0);
    store<f32>(offsetTo, 0);
    return;
  }

  // Around zero, so that the difference of the sums below keeps its digits.
  const middle: f32 = lowest / 2 + highest / 2;
  const middles = f32x4.splat(middle);
  let sums = f32x4.splat(0);
  let squareSums = sums;
  for (let at: usize = 0; at < BLOCK; at += VECTOR) {
    const x = f32x4.sub(f32x4.mul(v128.load(rows + at), units), middles);
    v128.store(block + at, x);
    sums = f32x4.add(sums, x);
    squareSums = f32x4.add(squareSums, f32x4.mul(x, x));
  }
  const total = f32x4.splat(sumOfLanes(sums));
  const squares = f32x4.splat(sumOfLanes(squareSums));

  const step: f32 = highest / STEPS - lowest / STEPS;
  const last = e4m4Floor(step * NARROWEST);
  let leastErrors = f32x4.splat(f32.MAX_VALUE);
  let bestCodes = i32x4.splat(0);
  let bestRests = f32x4.splat(0);
  for (let code = e4m4Floor(step * WIDEST); code >= last; code--) {
    const scale = e4m4(code);
    sumGrids(0, 1 / scale, 7.125, 7.375);
    sumGrids(VECTOR, 1 / scale, 7.625, 7.875);
    const scales = f32x4.splat(scale);
    const rests = f32x4.sub(total, f32x4.mul(scales, gridSums(CODES)));
    // Σ(x − s·q)² = Σx² + s·(s·Σq² − 2Σxq)
    const products = gridSums(PRODUCTS);
    const spreads = f32x4.sub(f32x4.mul(scales, gridSums(SQUARES)), f32x4.add(products, products));
    const means = f32x4.mul(f32x4.mul(rests, rests), f32x4.splat(1 / 32));
    const errors = f32x4.sub(f32x4.add(squares, f32x4.mul(scales, spreads)), means);
    const isBetter = f32x4.lt(errors, leastErrors);
    leastErrors = v128.bitselect(errors, leastErrors, isBetter);
    bestCodes = v128.bitselect(i32x4.splat(code), bestCodes, isBetter);
    bestRests = v128.bitselect(rests, bestRests, isBetter);
  }

  v128.store(results, leastErrors);
  v128.store(results + VECTOR, bestCodes);
  v128.store(results + 2 * VECTOR, bestRests);
  let best: usize = 0;
  for (let lane: usize = 4; lane < VECTOR; lane += 4) {
    if (load<f32>(results + lane) < load<f32>(results + best)) best = lane;
  }
  const code = load<i32>(results + VECTOR + best);
  store<u8>(scaleTo, <u8>code);
  store<f32>(offsetTo, middle + load<f32>(results + 2 * VECTOR + best) / 32 + 8 * e4m4(code));
}

/** Where the sums of the four grids are kept, two grids in a pair of vectors: Σq, Σq², Σxq. */
const grids: usize = memory.data(96, 16);
const CODES: usize = 0;
const SQUARES: usize = 32;
const PRODUCTS: usize = 64;

/**
 * Rounds the kept block to two grids and keeps their sums, each in two lanes to be added, at `pair`
 * of {@link grids}.
 */
function sumGrids(pair: usize, inverse: f32, base0: f32, base1: f32): void {
  const inverses = f32x4.splat(inverse);
  const bases0 = f32x4.splat(base0);
  const bases1 = f32x4.splat(base1);
  let codes0 = f32x4.splat(0);
  let codes1 = codes0;
  let squares0 = codes0;
  let squares1 = codes0;
  let products0 = codes0;
  let products1 = codes0;
  for (let at: usize = 0; at < BLOCK; at += VECTOR) {
    const x = v128.load(block + at);
    const scaled = f32x4.mul(x, inverses);
    const q0 = nearestCode(f32x4.add(scaled, bases0));
    codes0 = f32x4.add(codes0, q0);
    squares0 = f32x4.add(squares0, f32x4.mul(q0, q0));
    products0 = f32x4.add(products0, f32x4.mul(x, q0));
    const q1 = nearestCode(f32x4.add(scaled, bases1));
    codes1 = f32x4.add(codes1, q1);
    squares1 = f32x4.add(squares1, f32x4.mul(q1, q1));
    products1 = f32x4.add(products1, f32x4.mul(x, q1));
  }
  v128.store(grids + CODES + pair, pairSums(codes0, codes1));
  v128.store(grids + SQUARES + pair, pairSums(squares0, squares1));
  v128.store(grids + PRODUCTS + pair, pairSums(products0, products1));
}

function gridSums(kind: usize): v128 {
  return joinSums(v128.load(grids + kind), v128.load(grids + kind + VECTOR));
}

/**
 * Writes the codes and scales of up to 32 offsets, and replaces each by what its codes mean. Coarse
 * steps reach the largest, fine ones half a coarse step. The fine scale and codes lie `scaleStride`
 * and `codeStride` bytes behind the coarse ones; where all offsets are 0 nothing is written but
 * scales.
 */
function quantizeOffsets(
  offsets: usize,
  count: usize,
  coarseScale: usize,
  scaleStride: usize,
  coarseCodes: usize,
  codeStride: usize,
): void {
  let largest: f32 = 0;
  for (let i: usize = 0; i < count; i++) largest = max(largest, abs(load<f32>(offsets + (i << 2))));
  const coarseCode = largest === 0 ? 0 : e4m4Above(largest / (HIGHEST + 0.5));
  const coarse = e4m4(coarseCode);
  const fineCode = largest === 0 ? 0 : e4m4Above(coarse / STEPS);
  const fine = e4m4(fineCode);
  store<u8>(coarseScale, <u8>coarseCode);
  store<u8>(coarseScale + scaleStride, <u8>fineCode);
  if (largest === 0) return;
  for (let i: usize = 0; i < count; i++) {
    const offset = load<f32>(offsets + (i << 2));
    const upper = max(LOWEST, min(HIGHEST, nearest(offset / coarse)));
    const lower = max(LOWEST, min(HIGHEST, nearest((offset - upper * coarse) / fine)));
    store<f32>(offsets + (i << 2), upper * coarse + lower * fine);
    setNibble(coarseCodes + i / 2, i & 1, <u32>(upper - LOWEST));
    setNibble(coarseCodes + codeStride + i / 2, i & 1, <u32>(lower - LOWEST));
  }
}

function setNibble(at: usize, isHigh: usize, code: u32): void {
  const other: u32 = load<u8>(at);
  store<u8>(at, isHigh ? (other & 15) | (code << 4) : (other & 0xf0) | code);
}

// ---- e4m4, an unsigned 8-bit float: packages/formats/src/numbers/e4m4.ts ----

function e4m4(code: i32): f32 {
  return code === 0 ? 0 : reinterpret<f32>((code + (112 << 4)) << 19);
}

/**
 * The largest normal code whose value is at most `value`; the first for anything smaller, the last
 * for anything larger.
 */
function e4m4Floor(value: f32): i32 {
  return max(16, min(255, <i32>(reinterpret<u32>(value) >>> 19) - (112 << 4)));
}

function e4m4Above(value: f32): i32 {
  return min(255, e4m4Floor(value) + 1);
}

// ---- codes and lanes ----

/** The codes nearest to x·inverse + base, two a byte, the first in the low nibble. */
function storeNibbles(to: usize, rows: usize, inverse: f32, base: f32): void {
  const inverses = f32x4.splat(inverse);
  const bases = f32x4.splat(base);
  const a = codePairs(rows, inverses, bases);
  v128.store(to, i8x16.narrow_i16x8_u(a, codePairs(rows + 4 * VECTOR, inverses, bases)));
}

/** Sixteen codes, two in the low byte of each int16. */
function codePairs(rows: usize, inverses: v128, bases: v128): v128 {
  const bytes = i8x16.narrow_i16x8_u(eightCodes(rows, inverses, bases), eightCodes(rows + 2 * VECTOR, inverses, bases));
  return v128.and(v128.or(bytes, i16x8.shr_u(bytes, 4)), i16x8.splat(255));
}

/** As int16. */
function eightCodes(rows: usize, inverses: v128, bases: v128): v128 {
  return i16x8.narrow_i32x4_s(
    wholeCode(f32x4.add(f32x4.mul(v128.load(rows), inverses), bases)),
    wholeCode(f32x4.add(f32x4.mul(v128.load(rows, VECTOR), inverses), bases)),
  );
}

/** The nearest code as int32: adding 2²³ rounds to whole numbers, which are then the low bits. */
function wholeCode(x: v128): v128 {
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(STEPS)), f32x4.splat(0));
  return v128.and(f32x4.add(clamped, f32x4.splat(8388608)), i32x4.splat(15));
}

function nearestCode(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(f32x4.nearest(x), f32x4.splat(STEPS)), f32x4.splat(0));
}

/** Sums of two vectors, each in two lanes yet to be added: [a, b, a, b]. */
function pairSums(a: v128, b: v128): v128 {
  return f32x4.add(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(a, b, 2, 6, 3, 7));
}

/** [Σa, Σb, Σc, Σd] of two {@link pairSums}. */
function joinSums(ab: v128, cd: v128): v128 {
  return f32x4.add(i32x4.shuffle(ab, cd, 0, 1, 4, 5), i32x4.shuffle(ab, cd, 2, 3, 6, 7));
}

function sumOfLanes(x: v128): f32 {
  const pairs = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

function leastLane(x: v128): f32 {
  const pairs = f32x4.pmin(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return min(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

function greatestLane(x: v128): f32 {
  const pairs = f32x4.pmax(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/**
 * A scale as it will be stored: a float32, or one that has a half's precision, whatever its
 * exponent.
 */
function rounded(scale: f64, halves: bool): f32 {
  if (!halves) return <f32>scale;
  // Veltkamp's splitting: with 2⁴² + 1 it leaves a double's upper 11 bits.
  const spread = scale * 4398046511105;
  return <f32>(spread - (spread - scale));
}
