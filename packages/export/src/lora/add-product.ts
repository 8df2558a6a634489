/**
 * Adds scale · up · down. Sums are float64.
 * @param rows [R, C], changed in place
 * @param up [R, rank]
 * @param down [rank, C]
 */
export function addProduct(
  rows: Float32Array,
  up: Float32Array,
  down: Float32Array,
  rank: number,
  scale: number,
): void {
  const width = down.length / rank;
  const count = up.length / rank;
  const sums = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    sums.fill(0);
    // Four ranks at a time: sums are loaded and stored a quarter as often.
    for (let k = 0; k < rank; k += 4) {
      const at = row * rank + k;
      const left = rank - k;
      const [a, b, c, d] = [
        up[at]!,
        left > 1 ? up[at + 1]! : 0,
        left > 2 ? up[at + 2]! : 0,
        left > 3 ? up[at + 3]! : 0,
      ];
      // Beyond the last rank the factor is 0, and any row will do.
      const first = k * width;
      const second = left > 1 ? first + width : first;
      const third = left > 2 ? second + width : first;
      const fourth = left > 3 ? third + width : first;
      for (let x = 0; x < width; x++) {
        sums[x]! += a * down[first + x]! + b * down[second + x]! + c * down[third + x]! + d * down[fourth + x]!;
      }
    }
    const start = row * width;
    for (let x = 0; x < width; x++) rows[start + x]! += scale * sums[x]!;
  }
}
