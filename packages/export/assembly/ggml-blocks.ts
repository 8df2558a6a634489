// ggml's blocks as MatMulNBits takes them: the same codes in another order, scales and offsets
// apart. ../src/quantize/ggml-blocks.ts lays out the memory and calls each function once a row.
// The layouts of blocks are those of packages/formats/src/ggml.
//
// `row` points at a row's blocks. Of these, `count` blocks of 32 weights are taken, from block
// `first` on. 4-bit codes are two a byte, the first in the low nibble; 8-bit codes are q − 128.

/** Bytes of a block: of 32 weights, or for Q4_K of 256. */
const Q4_0: usize = 18;
const Q4_1: usize = 20;
const Q5_0: usize = 22;
const Q8_0: usize = 34;
const Q4_K: usize = 144;

/** @param codes [count, 16] @param scales [count] float16 */
export function keepQ4_0(row: usize, first: usize, count: usize, codes: usize, scales: usize): void {
  for (let at = row + first * Q4_0, end = at + count * Q4_0; at < end; at += Q4_0, codes += 16, scales += 2) {
    store<u16>(scales, load<u16>(at));
    const pairs = v128.load(at + 2);
    storePairs(codes, lowNibbles(pairs), highNibbles(pairs));
  }
}

/**
 * As {@link keepQ4_0}, in 8 bits: q − 8 becomes q + 120.
 *
 * @param codes [count, 32]
 * @param scales [count] float16
 */
export function widenQ4_0(row: usize, first: usize, count: usize, codes: usize, scales: usize): void {
  const zero = i8x16.splat(<i8>120);
  for (let at = row + first * Q4_0, end = at + count * Q4_0; at < end; at += Q4_0, codes += 32, scales += 2) {
    store<u16>(scales, load<u16>(at));
    const pairs = v128.load(at + 2);
    v128.store(codes, i8x16.add(lowNibbles(pairs), zero));
    v128.store(codes, i8x16.add(highNibbles(pairs), zero), 16);
  }
}

/** @param codes [count, 32] @param scales [count] float16 */
export function widenQ5_0(row: usize, first: usize, count: usize, codes: usize, scales: usize): void {
  const zero = i8x16.splat(<i8>112);
  for (let at = row + first * Q5_0, end = at + count * Q5_0; at < end; at += Q5_0, codes += 32, scales += 2) {
    store<u16>(scales, load<u16>(at));
    const pairs = v128.load(at + 6);
    v128.store(codes, i8x16.add(v128.or(lowNibbles(pairs), fifthBits(load<u16>(at + 2))), zero));
    v128.store(codes, i8x16.add(v128.or(highNibbles(pairs), fifthBits(load<u16>(at + 4))), zero), 16);
  }
}

/** Bit j as 16 in byte j. */
function fifthBits(bits: u16): v128 {
  const both = i16x8.splat(bits);
  const bytes = i8x16.shuffle(both, both, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const own = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return v128.and(i8x16.eq(v128.and(bytes, own), own), i8x16.splat(16));
}

/** @param codes [count, 32] @param scales [count] float16 */
export function keepQ8_0(row: usize, first: usize, count: usize, codes: usize, scales: usize): void {
  const sign = i8x16.splat(-128);
  for (let at = row + first * Q8_0, end = at + count * Q8_0; at < end; at += Q8_0, codes += 32, scales += 2) {
    store<u16>(scales, load<u16>(at));
    v128.store(codes, v128.xor(v128.load(at + 2), sign));
    v128.store(codes, v128.xor(v128.load(at + 18), sign), 16);
  }
}

/**
 * q·d + m
 *
 * @param codes [count, 16]
 * @param scales [count] float32
 * @param offsets [count] float32, `stride` bytes apart
 */
export function keepQ4_1(
  row: usize,
  first: usize,
  count: usize,
  codes: usize,
  scales: usize,
  offsets: usize,
  stride: usize,
): void {
  for (let at = row + first * Q4_1, end = at + count * Q4_1; at < end; at += Q4_1) {
    const pairs = v128.load(at + 4);
    storePairs(codes, lowNibbles(pairs), highNibbles(pairs));
    storeScale(scales, offsets, half(at), half(at + 2));
    codes += 16;
    scales += 4;
    offsets += stride;
  }
}

/**
 * (d·sc)·q − dmin·m, eight blocks of 32 under one d and dmin.
 *
 * @param codes [count, 16]
 * @param scales [count] float32
 * @param offsets [count] float32, `stride` bytes apart
 */
export function keepQ4_K(
  row: usize,
  first: usize,
  count: usize,
  codes: usize,
  scales: usize,
  offsets: usize,
  stride: usize,
): void {
  for (let i = first; i < first + count; i++) {
    const at = row + (i >> 3) * Q4_K;
    const j = i & 7;
    // Two blocks share 32 bytes: the even one has the low nibbles.
    const from = at + 16 + (j >> 1) * 32;
    const shift = <i32>(j & 1) * 4;
    const left = lowNibbles(i8x16.shr_u(v128.load(from), shift));
    storePairs(codes, left, lowNibbles(i8x16.shr_u(v128.load(from, 16), shift)));
    storeScale(scales, offsets, half(at) * scaleOf(at + 4, j), -half(at + 2) * minimumOf(at + 4, j));
    codes += 16;
    scales += 4;
    offsets += stride;
  }
}

/** The scale of block `j`, 6 bits: `get_scale_min_k4` of ggml. */
function scaleOf(at: usize, j: usize): f64 {
  if (j < 4) return <f64>(load<u8>(at + j) & 63);
  return <f64>((load<u8>(at + j + 4) & 15) | ((load<u8>(at + j - 4) >> 6) << 4));
}

function minimumOf(at: usize, j: usize): f64 {
  if (j < 4) return <f64>(load<u8>(at + j + 4) & 63);
  return <f64>((load<u8>(at + j + 4) >> 4) | ((load<u8>(at + j) >> 6) << 4));
}

/** Of q·scale + minimum as (q − 8)·scale + offset. */
function storeScale(scaleTo: usize, offsetTo: usize, scale: f64, minimum: f64): void {
  store<f32>(scaleTo, <f32>scale);
  store<f32>(offsetTo, <f32>(minimum + 8 * scale));
}

function lowNibbles(pairs: v128): v128 {
  return v128.and(pairs, i8x16.splat(15));
}

function highNibbles(pairs: v128): v128 {
  return i8x16.shr_u(pairs, 4);
}

/** 32 codes, a byte each, two to a byte. */
function storePairs(to: usize, left: v128, right: v128): void {
  v128.store(to, i8x16.narrow_i16x8_u(joined(left), joined(right)));
}

/** Two codes in the low byte of each int16. */
function joined(codes: v128): v128 {
  return v128.and(v128.or(codes, i16x8.shr_u(codes, 4)), i16x8.splat(255));
}

/** The float16 at `at`. Exponents of float64 are larger by 1008. */
function half(at: usize): f64 {
  const bits: u32 = load<u16>(at);
  const magnitude: u64 = (<u64>(bits & 0x7fff)) << 42;
  const isNumber = (bits & 0x7c00) !== 0x7c00;
  const size: f64 = isNumber ? reinterpret<f64>(magnitude) * BIAS : reinterpret<f64>(magnitude | INFINITY);
  return bits >> 15 ? -size : size;
}

/** 2¹⁰⁰⁸, as bits. */
const BIAS: f64 = reinterpret<f64>(0x7ef0000000000000);

const INFINITY: u64 = 0x7ff0000000000000;
