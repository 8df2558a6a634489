import { expect, it } from 'vitest';
import { advance, bytesPerSecond, secondsLeft, secondsPerStep, startProgress } from './run-progress.ts';

const denoise = (fraction: number, step: number) =>
  ({ stage: 'denoise', fraction, step, steps: 4, sigma: 0.5, block: 0, blocks: 1, text: 'Denoising' }) as const;

it('counts decoding into the time left, and the seconds of a step from the steps alone', () => {
  // Four steps of two seconds are 80 percent of the work; decoding is the rest.
  let progress = startProgress('Starting', 0);
  expect(secondsLeft(progress)).toBe(undefined);
  for (let step = 0; step <= 4; step++) progress = advance(progress, denoise(0.2 * step, step), 2000 * step);
  expect(secondsPerStep(progress)).toBe(2);
  expect(secondsLeft(progress)).toBeCloseTo(2, 6);
});

it('does not take the pace of loading for that of drawing', () => {
  const load = (fraction: number, loaded: number) =>
    ({ stage: 'load', fraction, loaded, total: 1000, part: 'a', text: 'Loading' }) as const;
  let progress = startProgress('Opening', 0);
  progress = advance(progress, load(0.1, 100), 1000);
  progress = advance(progress, load(0.5, 500), 2000);
  expect(bytesPerSecond(progress)).toBe(500);
  progress = advance(progress, denoise(0.5, 0), 2100);
  expect(secondsLeft(progress)).toBe(undefined);
});
