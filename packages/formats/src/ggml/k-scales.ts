/**
 * The scale and minimum of sub-block `j` (0 … 7) of Q4_K and Q5_K: 6 bits each, packed in 12 bytes.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `get_scale_min_k4`
 */
export function scaleAndMin(bytes: Uint8Array, at: number, j: number): [scale: number, min: number] {
  if (j < 4) return [bytes[at + j]! & 63, bytes[at + j + 4]! & 63];
  const low = bytes[at + j + 4]!;
  return [(low & 15) | ((bytes[at + j - 4]! >> 6) << 4), (low >> 4) | ((bytes[at + j]! >> 6) << 4)];
}
