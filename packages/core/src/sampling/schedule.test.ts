import { describe, expect, it } from 'vitest';
import { FLUX1_DEV } from '../model/flux1-dev.ts';
import { muForTokens } from './mu.ts';
import { fluxSigmas } from './schedule.ts';

const { scheduler } = FLUX1_DEV;

describe('muForTokens', () => {
  it.each([
    [256, 0.5],
    [1024, 0.63],
    [4080, 1.1472916666666666],
    [4096, 1.15],
  ])('puts %i tokens on the line at %d', (tokens, mu) => {
    expect(muForTokens(tokens, scheduler)).toBeCloseTo(mu, 14);
  });

  it('extends the line beyond 4096 tokens rather than clamping', () => {
    expect(muForTokens(8192, scheduler)).toBeGreaterThan(1.8);
  });
});

// FlowMatchEulerDiscreteScheduler.set_timesteps(sigmas=np.linspace(1, 1/7, 7), …).sigmas —
// diffusers 0.42.1, numpy 2.4.6; every bit
describe('fluxSigmas', () => {
  it('equals diffusers with dynamic shifting (mu 0.63, 1024 tokens)', () => {
    expect([...fluxSigmas(7, 1024, scheduler)]).toEqual([
      1, 0.91847163438797, 0.8243773579597473, 0.714569628238678, 0.5847535133361816, 0.4289122223854065,
      0.23834773898124695, 0,
    ]);
  });

  it('equals diffusers with a static shift of 3', () => {
    expect([...fluxSigmas(7, 1024, { ...scheduler, use_dynamic_shifting: false })]).toEqual([
      1, 0.9473683834075928, 0.882352888584137, 0.8000000715255737, 0.6923076510429382, 0.5454546213150024,
      0.3333333730697632, 0,
    ]);
  });

  it('falls strictly from 1 to 0 for any number of steps', () => {
    for (const steps of [1, 2, 3, 28, 50, 1000]) {
      const sigmas = fluxSigmas(steps, 4096, scheduler);
      expect(sigmas).toHaveLength(steps + 1);
      expect(sigmas[0]).toBe(1);
      expect(sigmas[steps]).toBe(0);
      for (let i = 0; i < steps; i++) expect(sigmas[i + 1]!).toBeLessThan(sigmas[i]!);
    }
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s steps', (steps) => {
    expect(() => fluxSigmas(steps, 1024, scheduler)).toThrow(RangeError);
  });
});
