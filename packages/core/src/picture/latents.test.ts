import { describe, expect, it } from 'vitest';
import { packLatents, unpackLatents } from './latents.ts';

// Three different sizes, so that no two axes can change places unnoticed.
const CHANNELS = 3;
const grid = { height: 4, width: 10 };
const index = (c: number, row: number, col: number) => (c * grid.height + row) * grid.width + col;
const image = Float32Array.from({ length: CHANNELS * grid.height * grid.width }, (_, i) => i);

describe('packLatents', () => {
  it('orders features (channel, patch row, patch column)', () => {
    const packed = packLatents(image, CHANNELS, grid);
    const token = 1 * 5 + 3; // second row of tokens, fourth column: cells (2..3, 6..7)
    const expected = [0, 1, 2].flatMap((c) => [index(c, 2, 6), index(c, 2, 7), index(c, 3, 6), index(c, 3, 7)]);
    expect([...packed.subarray(token * 12, (token + 1) * 12)]).toEqual(expected);
  });

  it('is undone by unpackLatents, and only by that order', () => {
    const packed = packLatents(image, CHANNELS, grid);
    expect(unpackLatents(packed, CHANNELS, grid)).toEqual(image);
    expect(unpackLatents(packed, CHANNELS, { height: grid.width, width: grid.height })).not.toEqual(image);
    expect(packLatents(packed, CHANNELS, grid)).not.toEqual(image);
  });

  it('refuses odd grids and wrong lengths', () => {
    expect(() => packLatents(new Float32Array(3 * 3 * 4), 3, { height: 3, width: 4 })).toThrow(RangeError);
    expect(() => unpackLatents(new Float32Array(47), 3, { height: 4, width: 4 })).toThrow(RangeError);
  });
});
