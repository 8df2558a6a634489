import type { Progress } from '@flux-srpo/core';
import { createFluxSrpo, type FluxSrpo } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { LOCAL_BACKENDS, rejection, SMALLEST } from './support/page.ts';

/** The requirement: an abort is heard within half a second. */
const MAX_ABORT_MS = 500;

type When = (progress: Progress) => boolean;

const isDenoising =
  (at: (progress: Extract<Progress, { stage: 'denoise' }>) => boolean): When =>
  (progress) =>
    progress.stage === 'denoise' && at(progress);

/**
 * The phase is named after the last event before the abort. Layers of the text encoders come before
 * the parts that make modulation tables.
 */
const PHASES: [string, When][] = [
  ['loading weights', ({ stage }) => stage === 'load'],
  ['encoding the prompt', (progress) => progress.stage === 'encode' && progress.done === 1],
  ['making modulation tables', (progress) => progress.stage === 'encode' && progress.done === progress.total - 1],
  ['the first block', isDenoising(({ step, block }) => step === 0 && block === 1)],
  ['the last block', isDenoising((p) => p.step === p.steps - 1 && p.block === p.blocks - 1)],
  ['decoding', (progress) => progress.stage === 'decode' && progress.done === 1],
  ['encoding the PNG', (progress) => progress.stage === 'decode' && progress.done === progress.total],
];

let url: string;
beforeAll(async () => {
  url = await commands.serveFixtureBundle('a-3x32');
});

describe.each(LOCAL_BACKENDS)('cancelling on %s', (_backend, options) => {
  let flux: FluxSrpo;
  let model: string;
  let prompts = 0;
  /** Another prompt each time, because a prompt that is remembered is not encoded again. */
  const fresh = () => ({ model, ...SMALLEST, prompt: `a blue boat ${++prompts}` });
  beforeAll(async () => {
    flux = createFluxSrpo({ model: url, ...options });
    ({ model } = await flux.load());
    await flux.unload();
  });
  afterAll(() => flux.dispose());

  /** Aborts when `act` says so; gives the milliseconds from there to the rejection. */
  async function abortAndWait(act: (abort: () => void) => NonNullable<Parameters<FluxSrpo['images']['generate']>[1]>) {
    const controller = new AbortController();
    let abortedAt = 0;
    const abort = () => {
      abortedAt ||= performance.now();
      controller.abort();
    };
    const options = { ...act(abort), signal: controller.signal };
    const error = await rejection(flux.images.generate(fresh(), options));
    expect((error as Error).name).toBe('AbortError');
    return performance.now() - abortedAt;
  }

  it('while the worker starts and opens the bundle rejects at once', async () => {
    const heard = await abortAndWait((abort) => {
      setTimeout(abort, 50);
      return {};
    });
    expect(heard).toBeLessThan(MAX_ABORT_MS);
  });

  // In this order, and each test gets further than the one before. So each also shows that an abort
  // leaves a working worker.
  it.each(PHASES)('during %s rejects at once', async (_phase, isPhase) => {
    const heard = await abortAndWait((abort) => ({ onProgress: (progress) => isPhase(progress) && abort() }));
    expect(heard).toBeLessThan(MAX_ABORT_MS);
  });

  it('while waiting gives the place up, and the queue says so; the picture before it comes', async () => {
    const controller = new AbortController();
    const first = flux.images.generate(fresh());
    const waiting = rejection(flux.images.generate(fresh(), { signal: controller.signal }));
    expect(flux.queue).toEqual({ running: 1, waiting: 1, max: 8 });
    controller.abort('changed my mind');
    expect(await waiting).toBe('changed my mind');
    expect(flux.queue).toEqual({ running: 1, waiting: 0, max: 8 });
    expect((await first).data).toHaveLength(1);
    expect(flux.queue.running).toBe(0);
  });

  it('stops the worker at its next block, not at the end of the picture', async () => {
    const { timings } = await flux.images.generate({ model, ...SMALLEST });
    const long = { model, ...SMALLEST, num_inference_steps: 200 };
    const controller = new AbortController();
    const told: string[] = [];
    const onProgress = ({ stage }: Progress) => {
      told.push(controller.signal.aborted ? 'long, aborted' : 'long');
      if (stage === 'denoise') controller.abort();
    };
    await rejection(flux.images.generate(long, { signal: controller.signal, onProgress }));
    const abortedAt = performance.now();
    // It waits in the worker until the first has stopped.
    const next = await flux.images.generate({ model, ...SMALLEST }, { onProgress: () => told.push('next') });
    expect(told).not.toContain('long, aborted');
    expect(told.lastIndexOf('long')).toBeLessThan(told.indexOf('next'));
    const waited = performance.now() - abortedAt - next.timings!.total;
    // 200 steps take far longer than this picture of one; what is waited for is one block of it,
    // and some messages.
    expect(waited).toBeLessThan(timings!.total + MAX_ABORT_MS);
  });
});
