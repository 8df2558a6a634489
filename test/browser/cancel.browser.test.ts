import type { Progress } from '@flux-srpo/core';
import { createFluxSrpo, type FluxSrpo } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { GPU_WORKER, LOCAL_BACKENDS, REAL_WORKER, rejection, SMALLEST, workerUrl } from './support/page.ts';

/**
 * A worker that counts the progress events of a call which it sends before and after a cancel
 * arrives. It broadcasts both counts when the next `generate` arrives. `path` is comlink's.
 */
const countingWorker = (worker: string) =>
  workerUrl(`
    import '${worker}';
    const channel = new BroadcastChannel('after-cancel');
    const post = self.postMessage;
    let sent = { before: 0, after: 0 };
    let isCancelled = false;
    addEventListener('message', ({ data }) => {
      if (data.path?.[0] === 'cancel') isCancelled = true;
      if (data.path?.[0] !== 'generate') return;
      if (isCancelled) channel.postMessage(sent);
      isCancelled = false;
      sent = { before: 0, after: 0 };
    });
    self.postMessage = (message, ...rest) => {
      if (message.path?.[0] === 'onProgress') sent[isCancelled ? 'after' : 'before']++;
      post.call(self, message, ...rest);
    };
  `);

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

describe.each(LOCAL_BACKENDS)('cancelling on %s', (backend, options) => {
  let flux: FluxSrpo;
  let model: string;
  let prompts = 0;
  /** Another prompt each time, because a prompt that is remembered is not encoded again. */
  const fresh = () => ({ model, ...SMALLEST, prompt: `a blue boat ${++prompts}` });
  beforeAll(async () => {
    const worker = backend === 'webgpu' ? GPU_WORKER : REAL_WORKER;
    flux = createFluxSrpo({ model: url, ...options, workerUrl: countingWorker(worker) });
    ({ model } = await flux.load());
    await flux.unload();
  });
  afterAll(() => flux.dispose());

  /**
   * Aborts when `act` says so, and asserts that the call rejects at once: before the page does
   * anything else, however fast it is.
   */
  async function expectAtOnce(act: (abort: () => void) => { onProgress?: (progress: Progress) => void }) {
    const controller = new AbortController();
    let isOver = false;
    const abort = () => {
      setTimeout(() => {
        isOver = true;
      });
      controller.abort();
    };
    const { onProgress } = act(abort);
    let eventsAfterwards = 0;
    const follow = (progress: Progress) => {
      if (controller.signal.aborted) eventsAfterwards++;
      else onProgress?.(progress);
    };
    const error = await rejection(flux.images.generate(fresh(), { onProgress: follow, signal: controller.signal }));
    expect([(error as Error).name, isOver, eventsAfterwards]).toEqual(['AbortError', false, 0]);
  }

  it('while the worker starts and opens the bundle rejects at once', () =>
    expectAtOnce((abort) => {
      setTimeout(abort, 50);
      return {};
    }));

  // In this order, and each test gets further than the one before. So each also shows that an abort
  // leaves a working worker.
  it.each(PHASES)('during %s rejects at once', (_phase, isPhase) =>
    expectAtOnce((abort) => ({ onProgress: (progress) => isPhase(progress) && abort() })),
  );

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

  it('starts no other block once the worker has heard of it', async () => {
    const channel = new BroadcastChannel('after-cancel');
    const sent = new Promise<{ before: number; after: number }>((resolve) => {
      channel.onmessage = ({ data }) => resolve(data);
    });
    const controller = new AbortController();
    const onProgress = ({ stage }: Progress) => stage === 'denoise' && controller.abort();
    const long = { ...SMALLEST, num_inference_steps: 200 };
    await rejection(flux.images.generate(long, { signal: controller.signal, onProgress }));
    await flux.images.generate(SMALLEST);
    const { before, after } = await sent;
    // The block that runs when the cancel arrives may end, and says so.
    expect(after).toBeLessThanOrEqual(1);
    expect(before).toBeGreaterThan(0);
    channel.close();
  });
});
