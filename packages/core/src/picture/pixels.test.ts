import { describe, expect, it } from 'vitest';
import { toByte, toRgb8 } from './pixels.ts';

// Planes of 2 × 3 with values that tell channel and place apart.
const size = { width: 3, height: 2 };
const planar = Float32Array.from({ length: 18 }, (_, i) => (i * 10) / 127.5 - 1);

describe('toRgb8', () => {
  it('interleaves planes row by row', () => {
    expect([...toRgb8(planar, size)]).toEqual([
      0, 60, 120, 10, 70, 130, 20, 80, 140, 30, 90, 150, 40, 100, 160, 50, 110, 170,
    ]);
  });

  it('refuses a picture of another size', () => {
    expect(() => toRgb8(planar, { width: 4, height: 2 })).toThrow('picture must be [3, 2, 4], got 18 values');
  });
});

describe('toByte', () => {
  it('clamps, and rounds a tie to the even byte', () => {
    expect([-7, -1, 1, 7].map(toByte)).toEqual([0, 0, 255, 255]);
    // 0 is half way between 127 and 128: numpy.round(127.5) = 128
    expect(toByte(0)).toBe(128);
    // x/2 + 1/2 = 0.5/255 in float32 lands on 0.5 after scaling: numpy.round(0.5) = 0,
    // numpy.round(1.5) = 2
    expect(toByte((2 * 0.5) / 255 - 1)).toBe(0);
    expect(toByte((2 * 1.5) / 255 - 1)).toBe(2);
  });
});
