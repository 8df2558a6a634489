import { describe, expect, it } from 'vitest';
import { ropeTables } from './rope.ts';

const AXES = [4, 6, 8] as const;
const PAIRS = 9;

// diffusers 0.42.1, FluxPosEmbed(10000, [4, 6, 8]) on 2 text tokens and a 3 × 5 grid; the token of
// row 2, column 3
const COS = [
  1, 1, -0.416146844625473, 0.9956942200660706, 0.999990701675415, -0.9899924993515015, 0.9553365111351013,
  0.9995500445365906, 0.9999955296516418,
];
const SIN = [
  0, 0, 0.9092974066734314, 0.09269849956035614, 0.004308856092393398, 0.14112000167369843, 0.29552021622657776,
  0.029995501041412354, 0.0029999956022948027,
];
// Float64 throughout, rounded once: only the power's last bit may differ, half a unit of float32
// after rounding.
const DIGITS = 7;

describe('ropeTables', () => {
  const { cos, sin } = ropeTables({ height: 3, width: 5 }, AXES, { textTokens: 2 });
  const at = (2 + 2 * 5 + 3) * PAIRS;

  it('equals FluxPosEmbed: unused axis, then rows, then columns', () => {
    for (let k = 0; k < PAIRS; k++) {
      expect(cos[at + k]).toBeCloseTo(COS[k]!, DIGITS);
      expect(sin[at + k]).toBeCloseTo(SIN[k]!, DIGITS);
    }
  });

  it('leaves text tokens, which come first, unrotated', () => {
    expect(cos.subarray(0, 2 * PAIRS).every((value) => value === 1)).toBe(true);
    expect(sin.subarray(0, 2 * PAIRS).every((value) => value === 0)).toBe(true);
    expect(sin.subarray(2 * PAIRS).some((value) => value !== 0)).toBe(true);
  });

  it('gives the image alone the same rows', () => {
    const image = ropeTables({ height: 3, width: 5 }, AXES);
    expect(image.cos).toEqual(cos.subarray(2 * PAIRS));
    expect(image.sin).toEqual(sin.subarray(2 * PAIRS));
  });
});
