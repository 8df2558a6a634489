import { dequantize, f16ToF32 } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { dequantizeQ4, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { isExactIn, packLevels, readLevels } from './ggml-blocks.ts';

/**
 * Every byte value as a pair of codes and as a signed code, scales from half's subnormals to its
 * largest.
 */
function everyCode(blockBytes: number, scales: number[]): Uint8Array {
  const blocks = Uint8Array.from({ length: 32 * blockBytes }, (_, i) => (i * 167) & 255);
  for (let block = 0; block < 32; block++) {
    const bits = scales[block % scales.length]!;
    blocks.set([bits & 255, bits >> 8], block * blockBytes);
  }
  return blocks;
}

const SCALES = [0x3c00, 0xbc00, 0x0001, 0x7bff, 0x8400, 0x0000, 0x2e66];

describe('ggml blocks taken over', () => {
  it.each([
    ['Q4_0', 18, 'q4', dequantizeQ4],
    ['Q4_0', 18, 'q8', dequantizeQ8],
    ['Q5_0', 22, 'q8', dequantizeQ8],
    ['Q8_0', 34, 'q8', dequantizeQ8],
  ] as const)('%s of %i bytes mean the same numbers as %s', (type, blockBytes, blockClass, dequantizeBlocks) => {
    const blocks = everyCode(blockBytes, SCALES);
    const { levels, scales } = readLevels(type, blocks);
    expect(scales).toEqual(f16ToF32(Uint16Array.from({ length: 32 }, (_, i) => SCALES[i % SCALES.length]!)));
    expect(dequantizeBlocks(packLevels(levels, blockClass, 32), scales)).toEqual(dequantize(type, blocks));
  });

  it('are exact only where levels fit and no minimum is added', () => {
    const exact = (['Q4_0', 'Q5_0', 'Q8_0', 'Q4_1', 'Q5_1', 'Q3_K', 'Q4_K', 'Q6_K', 'F16'] as const).filter(
      (type) => isExactIn(type, 'q8') || isExactIn(type, 'q4'),
    );
    expect(exact).toEqual(['Q4_0', 'Q5_0', 'Q8_0']);
    expect(isExactIn('Q4_0', 'q4')).toBe(true);
    expect(isExactIn('Q5_0', 'q4')).toBe(false);
    expect(isExactIn('Q8_0', 'q4')).toBe(false);
  });
});
