import { DeviceError, type Progress } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { CallProgress } from './call-progress.ts';

const event = (fraction: number): Progress => ({ stage: 'decode', done: 0, total: 1, fraction, text: 'Decoding' });

function joined() {
  const told: Progress[] = [];
  const progress = new CallProgress((each) => told.push(each));
  return { progress, told, fractions: () => told.map(({ fraction }) => fraction) };
}

describe('the fraction of a call', () => {
  it('covers loading, then generating, and ends at 1', () => {
    const { progress, fractions } = joined();
    const load = progress.loading();
    for (const fraction of [0, 0.5, 1]) load(event(fraction));
    const rest = progress.rest();
    for (const fraction of [0, 0.5, 1]) rest(event(fraction));
    expect(fractions()).toEqual([0, 0.25, 0.5, 0.5, 0.75, 1]);
  });

  it('does not count files that are here already as work', () => {
    const { progress, fractions } = joined();
    progress.loading()(event(1));
    progress.rest()(event(0.5));
    expect(fractions()).toEqual([0, 0.5]);
  });

  it('never falls: a second try fills what is left, after an event that says why', () => {
    const { progress, told, fractions } = joined();
    progress.loading();
    const first = progress.rest();
    first(event(0.6));
    progress.restart(new DeviceError('the GPU is gone', { code: 'device/lost' }), 3);
    const load = progress.loading();
    load(event(0));
    load(event(1));
    const second = progress.rest();
    for (const fraction of [0, 0.5, 1]) second(event(fraction));
    expect(told[1]).toMatchObject({
      stage: 'restart',
      reason: { code: 'device/lost', message: 'the GPU is gone' },
      fraction: 0.6,
      steps: 3,
      text: 'Going on after step 3',
    });
    expect(fractions().map((fraction) => Number(fraction.toFixed(2)))).toEqual([0.6, 0.6, 0.6, 0.8, 0.8, 0.9, 1]);
  });
});
