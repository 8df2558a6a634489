import { describe, expect, it } from 'vitest';
import { e4m4Floor, e4m4ToF32 } from './e4m4.ts';
import { f16ToF32 } from './half.ts';

const CODES = Uint8Array.from({ length: 256 }, (_, code) => code);

describe('an unsigned 8-bit float', () => {
  it('is a float16 with fewer bits', () => {
    // Oracle: the float16 reader, itself tested against numpy.
    expect(e4m4ToF32(CODES)).toEqual(f16ToF32(Uint16Array.from(CODES, (code) => code << 6)));
    expect([e4m4ToF32(CODES)[16], e4m4ToF32(CODES)[255]]).toEqual([2 ** -14, 1.9375]);
  });

  it('is found by its value, and by anything up to the next', () => {
    for (let code = 16; code < 255; code++) {
      const [value, next] = e4m4ToF32(Uint8Array.of(code, code + 1)) as unknown as [number, number];
      expect([e4m4Floor(value), e4m4Floor((value + next) / 2)]).toEqual([code, code]);
    }
  });

  it('stays within its range', () => {
    expect([0, 1e-9, 2, 1e30].map(e4m4Floor)).toEqual([16, 16, 255, 255]);
  });
});
