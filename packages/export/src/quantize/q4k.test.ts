import { QUANT_BLOCK } from '@flux-srpo/core';
import { dequantize, f16ToF32, f32ToF16 } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { dequantizeQ4k } from '../../../../test/support/dequantize.ts';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import { DISTRIBUTIONS, distribution } from '../test-support/distributions.ts';
import { KeptBlocks } from './ggml-blocks.ts';
import { type OffsetBlocks, offsetDtype } from './offset-blocks.ts';

const SUPER_BLOCK = 256;

/**
 * Weights as Q4_K: (d·sc)·q − dmin·m, the scale and minimum of 32 in 6 bits each. Every code is the
 * nearest.
 */
function asQ4_K(rows: Float32Array): Uint8Array {
  const blocks = new Uint8Array((rows.length / SUPER_BLOCK) * 144);
  for (let at = 0, from = 0; from < rows.length; at += 144, from += SUPER_BLOCK) {
    const parts = Array.from({ length: 8 }, (_, j) =>
      rows.subarray(from + j * QUANT_BLOCK, from + (j + 1) * QUANT_BLOCK),
    );
    const mins = parts.map((part) => Math.max(0, -Math.min(...part)));
    const steps = parts.map((part, j) => (Math.max(...part) + mins[j]!) / 15);
    const halves = f32ToF16(Float32Array.of(Math.max(...steps) / 63, Math.max(...mins) / 63));
    const [d, dmin] = f16ToF32(halves) as unknown as [number, number];
    blocks.set(new Uint8Array(halves.buffer), at);
    for (const [j, part] of parts.entries()) {
      const sc = Math.round(steps[j]! / d);
      const m = Math.round(mins[j]! / dmin);
      if (j < 4) {
        blocks[at + 4 + j]! |= sc;
        blocks[at + 8 + j]! |= m;
      } else {
        blocks[at + 8 + j] = (sc & 15) | ((m & 15) << 4);
        blocks[at + j]! |= (sc >> 4) << 6;
        blocks[at + 4 + j]! |= (m >> 4) << 6;
      }
      for (const [i, x] of part.entries()) {
        const code = Math.max(0, Math.min(15, Math.round((x + dmin * m) / (d * sc))));
        blocks[at + 16 + (j >> 1) * QUANT_BLOCK + i]! |= code << ((j & 1) * 4);
      }
    }
  }
  return blocks;
}

describe.each(DISTRIBUTIONS)('of %s weights', (name) => {
  const rows = distribution(name);

  it('Q4_K loses at most a hundredth of its own error as stored', () => {
    const file = asQ4_K(rows);
    const numbers = dequantize('Q4_K', file);
    // One row, so that offsets are in the order of blocks.
    const kept = new KeptBlocks('q4k', 'Q4_K', [1, rows.length]);
    kept.add(file, rows.length, 0);
    const { codes, scales, offsets } = kept as OffsetBlocks;
    expect(offsetDtype({ codes, scales, offsets })).toBe('F16');
    const halves = (values: Float32Array) => f16ToF32(f32ToF16(values));
    const stored = dequantizeQ4k({ codes, scales: halves(scales), offsets: halves(offsets) }, rows.length);
    const own = relativeRms(numbers, rows);
    expect(own).toBeGreaterThan(0.07);
    expect(relativeRms(stored, numbers)).toBeLessThan(0.01 * own);
  });
});
