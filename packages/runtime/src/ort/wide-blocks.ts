/** Weights of 4 bits that share a scale, as in `q4`. */
const NARROW = 32;

/** Weights of 8 bits that share a scale. The kernel scales a sum a block, so fewer are faster. */
export const WIDE = 128;

/** Of a code of 4 bits, and the least number that one stands for. */
const MIDDLE_4 = 8;
/** Of a code of 8 bits, and the largest number that one stands for. */
const MIDDLE_8 = 128;
const LARGEST_8 = 127;

export interface WideWeights {
  /** [N, ⌈K/128⌉, 128]; value (code − 128)·scale */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** [N, ⌈K/128⌉] */
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * The same weights in 8 bits, in blocks of 128, rounded to 1/127 of the largest that a block can
 * have.
 *
 * @param codes [N, K/32, 16], low nibble first; value (code − 8)·scale
 * @param scales [N, K/32]
 */
export function toWideBlocks(codes: Uint8Array, scales: Float32Array, N: number, K: number): WideWeights {
  const narrowBlocks = K / NARROW;
  const wideBlocks = Math.ceil(K / WIDE);
  const wideCodes = new Uint8Array(N * wideBlocks * WIDE);
  // What is beyond the last column stands for 0.
  if (K % WIDE !== 0) wideCodes.fill(MIDDLE_8);
  const wideScales = new Float32Array(N * wideBlocks);
  /** What each code of a narrow block becomes. */
  const becomes = new Uint8Array(16);
  for (let block = 0; block < N * wideBlocks; block++) {
    const row = Math.floor(block / wideBlocks);
    const firstOfRow = row * narrowBlocks;
    const first = firstOfRow + (block - row * wideBlocks) * (WIDE / NARROW);
    const last = Math.min(first + WIDE / NARROW, firstOfRow + narrowBlocks);
    let largest = 0;
    for (let i = first; i < last; i++) largest = Math.max(largest, Math.abs(scales[i]!));
    const step = (largest * MIDDLE_4) / LARGEST_8;
    wideScales[block] = step;
    let to = block * WIDE;
    for (let i = first; i < last; i++) {
      const ratio = step === 0 ? 0 : scales[i]! / step;
      // An array of bytes cuts off what is behind the point: so adding a half rounds.
      for (let code = 0; code < 16; code++) becomes[code] = (code - MIDDLE_4) * ratio + MIDDLE_8 + 0.5;
      const end = ((i + 1) * NARROW) / 2;
      for (let from = end - NARROW / 2; from < end; from++) {
        const pair = codes[from]!;
        wideCodes[to] = becomes[pair & 15]!;
        wideCodes[to + 1] = becomes[pair >> 4]!;
        to += 2;
      }
    }
  }
  return { codes: wideCodes, scales: wideScales };
}
