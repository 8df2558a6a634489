import { describe, expect, it } from 'vitest';
import { modelTimestep, sinusoidalEmbedding } from './timestep.ts';

// Frequencies are equal to torch's in every bit; cos and sin are rounded from float64 here, from
// SLEEF there: one unit at 1.
const ATOL = 6e-8;

function expectNear(actual: number | undefined, expected: number): void {
  expect(Math.abs(actual! - expected)).toBeLessThanOrEqual(ATOL);
}

describe('sinusoidalEmbedding', () => {
  // Timesteps(256, flip_sin_to_cos=True, downscale_freq_shift=0)(sigma / 1000 * 1000) — diffusers
  // 0.42.1, the second sigma of mu 0.63, 7 steps
  it('equals diffusers, cosines before sines, multiplied by 1000 once', () => {
    const row = sinusoidalEmbedding([0.3, modelTimestep(0.91847163438797)]).subarray(256);
    const expected = {
      0: 0.4297650158405304,
      1: 0.9818570613861084,
      12: -0.6213061809539795,
      127: 0.9951331615447998,
      128: 0.9029407501220703,
      140: -0.7835679054260254,
      255: 0.09853948652744293,
    };
    for (const [i, value] of Object.entries(expected)) expectNear(row[Number(i)], value);
  });

  it('takes guidance as it is and multiplies it by 1000 too', () => {
    const row = sinusoidalEmbedding([3.5]);
    // cos and sin of 3500 rad in float64
    expectNear(row[0], Math.cos(3500));
    expectNear(row[128], Math.sin(3500));
  });
});

describe('modelTimestep', () => {
  // torch: (x * 1000) / 1000 in float32, one of the 4 % of values that it moves
  it("takes the pipeline's detour through 1000·sigma, roundings included", () => {
    expect(modelTimestep(0.03545498847961426)).toBe(0.03545498475432396);
    expect(modelTimestep(0.91847163438797)).toBe(0.91847163438797);
  });
});
