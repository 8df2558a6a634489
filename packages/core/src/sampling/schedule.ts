import type { SchedulerConfig } from '../model/config.ts';
import { muForTokens } from './mu.ts';

/**
 * Noise levels of a run, from 1 (pure noise) down to 0 (picture).
 *
 * linspace(1, 1/steps, steps), then dynamic shift σ' = e^mu / (e^mu + 1/σ − 1) or static shift σ' =
 * s·σ / (1 + (s − 1)·σ), then 0. diffusers makes the line in float64, rounds it to float32 and
 * shifts in float32 (NumPy keeps float32 beside Python floats); every `fround` below is one of its
 * roundings.
 * @returns `[steps + 1]`, strictly decreasing
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/schedulers/scheduling_flow_match_euler_discrete.py `set_timesteps`
 */
export function fluxSigmas(steps: number, tokens: number, scheduler: SchedulerConfig): Float32Array<ArrayBuffer> {
  if (!Number.isInteger(steps) || steps < 1)
    throw new RangeError(`steps must be an integer of at least 1, got ${steps}`);
  const shift = scheduler.use_dynamic_shifting
    ? dynamicShift(Math.exp(muForTokens(tokens, scheduler)))
    : staticShift(scheduler.shift);
  const stop = 1 / steps;
  const stride = steps > 1 ? (stop - 1) / (steps - 1) : 0;
  const sigmas = new Float32Array(steps + 1);
  for (let i = 0; i < steps; i++) {
    // np.linspace: start + i·stride, but the last point is `stop` itself.
    const sigma = i > 0 && i === steps - 1 ? stop : 1 + i * stride;
    sigmas[i] = shift(Math.fround(sigma));
  }
  return sigmas;
}

function dynamicShift(expMu: number): (sigma: number) => number {
  const e = Math.fround(expMu);
  return (sigma) => {
    const odds = Math.fround(Math.fround(1 / sigma) - 1);
    return Math.fround(e / Math.fround(e + odds));
  };
}

function staticShift(shift: number): (sigma: number) => number {
  const s = Math.fround(shift);
  const excess = Math.fround(shift - 1);
  return (sigma) => Math.fround(Math.fround(s * sigma) / Math.fround(1 + Math.fround(excess * sigma)));
}
