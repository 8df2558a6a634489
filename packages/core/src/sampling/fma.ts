const float64 = new Float64Array(1);
const words64 = new Uint32Array(float64.buffer);
// Index of the word with a double's low bits.
const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** a·b + c, rounded to float32 once. Float64 holds the product exactly; only the sum may round. */
export function fma(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  float64[0] = sum;
  // Rounding twice errs only where the first result is a tie between float32s: 29 bits of 1000…0.
  if ((words64[LOW]! & 0x1fffffff) !== 0x10000000) return Math.fround(sum);
  // What the first rounding lost (Knuth's TwoSum) says to which side of the tie the true sum lies.
  const back = sum - product;
  const lost = product - (sum - back) + (c - back);
  return lost === 0 ? Math.fround(sum) : Math.fround(sum + Math.sign(lost) * Math.abs(sum) * 2 ** -52);
}
