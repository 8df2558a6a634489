import { describe, expect, it } from 'vitest';
import { readComputing } from './computing-options.ts';

const DEFAULTS = { device: 'auto', precision: 'auto', 'accuracy-level': '0' };

describe('the options of what computes', () => {
  it('leave the device and its memory open', () => {
    expect(readComputing(DEFAULTS)).toEqual({ device: 'auto', precision: 'auto', accuracyLevel: 0 });
    expect(readComputing({ ...DEFAULTS, device: 'webgpu', budget: '2GB' })).toMatchObject({
      device: 'webgpu',
      budget: 2e9,
    });
  });

  it('take the CPU for the accuracy level that it alone has, and refuse that level on a GPU', () => {
    expect(readComputing({ ...DEFAULTS, 'accuracy-level': '4' })).toMatchObject({ device: 'cpu', accuracyLevel: 4 });
    expect(readComputing({ ...DEFAULTS, 'accuracy-level': '4-wide' })).toMatchObject({
      device: 'cpu',
      accuracyLevel: '4-wide',
    });
    expect(() => readComputing({ ...DEFAULTS, device: 'webgpu', 'accuracy-level': '4-wide' })).toThrow(
      /--accuracy-level 4-wide needs --device cpu, got webgpu/,
    );
  });

  it.each([
    ['device', 'cuda', /--device must be one of auto, cpu, webgpu,.*got "cuda"/],
    ['precision', 'f8', /--precision must be one of auto, f32, f16,.*got "f8"/],
    ['accuracy-level', '3', /--accuracy-level must be one of 0, 4, 4-wide,.*got "3"/],
  ])('name what %s can be', (name, value, message) => {
    expect(() => readComputing({ ...DEFAULTS, [name]: value })).toThrow(message);
  });
});
