import { describe, expect, it } from 'vitest';
import { choosePrecision } from './choose-precision.ts';

const right = { precision: 'f16', steppedDown: [] } as const;
const wrong = { precision: 'f32', steppedDown: ['subgroups in half precision: gelu in halves is off by 1'] } as const;

describe('the precision of a backend', () => {
  it('is half where the adapter has it and the self-test does not object', () => {
    expect(choosePrecision('auto', true, right)).toBe('f16');
    expect(choosePrecision('auto', true, undefined)).toBe('f16');
    expect(choosePrecision('auto', true, wrong)).toBe('f32');
    expect(choosePrecision('auto', false, undefined)).toBe('f32');
  });

  it('is what was asked for', () => {
    expect(choosePrecision('f32', true, right)).toBe('f32');
    expect(choosePrecision('f16', true, right)).toBe('f16');
  });

  it.each([
    ['without shader-f16', false, undefined, 'shader-f16, got one without'],
    ['whose kernels are wrong', true, wrong, 'gelu in halves is off by 1'],
  ])('is refused, not lowered, where f16 was asked for on an adapter %s', (_, hasHalves, verdict, why) => {
    const choose = () => choosePrecision('f16', hasHalves, verdict);
    expect(choose).toThrow(expect.objectContaining({ name: 'DeviceError', code: 'device/feature-missing' }));
    expect(choose).toThrow(why);
  });
});
