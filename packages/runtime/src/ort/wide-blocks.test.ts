import { describe, expect, it } from 'vitest';
import { toWideBlocks } from './wide-blocks.ts';

/** A block and a quarter of 128 a row. */
const [N, K] = [3, 160];

// Any codes; scales of both signs, of which one is 0 and the others differ a hundredfold.
const codes = Uint8Array.from({ length: (N * K) / 2 }, (_, i) => (i * 2654435761) >>> 7);
const scales = Float32Array.from({ length: (N * K) / 32 }, (_, i) => (i === 2 ? 0 : (-1) ** i * 10 ** -(i % 3)));

/** Oracle: ARCHITECTURE.md's table of weight classes, read number by number. */
function weight(row: number, column: number): number {
  const at = row * K + column;
  const pair = codes[at >> 1]!;
  return ((at % 2 === 0 ? pair & 15 : pair >> 4) - 8) * scales[at >> 5]!;
}

describe('toWideBlocks', () => {
  const wide = toWideBlocks(codes, scales, N, K);
  const wideWeight = (row: number, column: number): number => {
    const at = row * 256 + column;
    return (wide.codes[at]! - 128) * wide.scales[at >> 7]!;
  };

  it('keeps each weight to half a step, and the scale of the largest block', () => {
    expect(wide.scales.length).toBe(N * 2);
    for (let row = 0; row < N; row++) {
      for (let column = 0; column < K; column++) {
        const first = (row * K + (column >> 7) * 128) / 32;
        const largest = Math.max(...scales.slice(first, Math.min(first + 4, ((row + 1) * K) / 32)).map(Math.abs));
        const step = (8 * largest) / 127;
        // Half a step, and what float32 rounds.
        expect(Math.abs(wideWeight(row, column) - weight(row, column))).toBeLessThanOrEqual(0.5001 * step);
        expect(wide.scales[row * 2 + (column >> 7)]).toBeCloseTo(step, 6);
      }
    }
  });

  it('has zeros behind the last column, and where all is zero', () => {
    for (let row = 0; row < N; row++)
      for (let column = K; column < 256; column++) expect(wideWeight(row, column)).toBe(0);
    const none = toWideBlocks(codes, new Float32Array(scales.length), N, K);
    expect(none.codes.every((code) => code === 128)).toBe(true);
    expect(none.scales.every((scale) => scale === 0)).toBe(true);
  });
});
