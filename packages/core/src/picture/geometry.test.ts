import { describe, expect, it } from 'vitest';
import { isFluxError } from '../errors.ts';
import { latentGrid, parseSize, readSize, tokenCount, tokenGrid } from './geometry.ts';

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return isFluxError(error) ? error.code : 'not ours';
  }
  return undefined;
}

describe('geometry', () => {
  it('counts latent cells of 8 pixels and tokens of 16, height and width apart', () => {
    const size = { width: 1024, height: 768 };
    expect(latentGrid(size)).toEqual({ height: 96, width: 128 });
    expect(tokenGrid(size)).toEqual({ height: 48, width: 64 });
    expect(tokenCount(size)).toBe(3072);
  });

  it('reads WIDTHxHEIGHT, width first', () => {
    expect(parseSize('1024x768')).toEqual({ width: 1024, height: 768 });
    expect(parseSize('16x4096')).toEqual({ width: 16, height: 4096 });
  });

  it.each([
    '',
    '1024',
    '1024x',
    'x768',
    '1000x1000',
    '0x16',
    '16x4112',
    '-16x16',
    '16.0x16',
    '1e3x16',
    ' 16x16',
    '16X16',
  ])('refuses the size "%s"', (text) => {
    expect(codeOf(() => parseSize(text))).toBe('input/size-unsupported');
  });

  it.each([8, 0, -16, 24, 4112, 16.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a side of %s pixels', (side) => {
    expect(codeOf(() => readSize({ width: side, height: 64 }, 'size'))).toBe('input/size-unsupported');
    expect(codeOf(() => readSize({ width: 64, height: side }, 'size'))).toBe('input/size-unsupported');
  });

  it('says what was expected and what came', () => {
    expect(() => parseSize('1000x1000', '--size', ['square'])).toThrow(
      '--size must be one of square, or WIDTHxHEIGHT in multiples of 16 from 16 to 4096, got "1000x1000"',
    );
    expect(() => readSize({ width: 1000, height: 1008 }, 'image_size')).toThrow(
      'image_size.width and image_size.height must be multiples of 16 from 16 to 4096, got 1000 and 1008',
    );
  });
});
