import { createFluxSrpo, type FluxSrpo, isFluxError, type Progress } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderGpu } from './support/gpu-control.ts';
import { GPU_WORKER, REAL_WORKER, rejection, SMALL, SMALLEST, workerUrl } from './support/page.ts';
import { watchedFixture } from './support/watched-fixture.ts';

const fixture = watchedFixture();

/** The real worker, which also throws or spins when a message tells it to. */
const sabotaged = () =>
  workerUrl(`
    import '${REAL_WORKER}';
    addEventListener('message', ({ data }) => {
      if (data?.sabotage === 'crash') setTimeout(() => { throw new Error('boom'); });
      if (data?.sabotage === 'hang') for (;;) {}
    });
  `);

/** Draws a picture of enough steps to be disturbed in the middle of them. */
async function base64(flux: FluxSrpo, onProgress?: (progress: Progress) => void): Promise<string> {
  const { model } = await flux.load();
  const request = { model, ...SMALL, num_inference_steps: 12, output_format: 'b64_json' } as const;
  const { data } = await flux.images.generate(request, { onProgress });
  return data[0]!.b64_json!;
}

describe('a worker that fails in mid-run', () => {
  it.each([
    ['crashes', 'crash', {}],
    // Silence is the only sign of a hang. The real worker is never silent for so long with this
    // model.
    ['hangs', 'hang', { hangTimeoutMs: 6000 }],
  ] as const)('once, because it %s, is replaced, and the picture is the same', async (_what, sabotage, options) => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm', workerUrl: sabotaged(), ...options });
    const undisturbed = await base64(flux);
    const events: Progress[] = [];
    const disturbed = await base64(flux, (event) => {
      if (event.stage === 'denoise' && event.step === 5 && events.every(({ stage }) => stage !== 'restart')) {
        fixture.workers.started.at(-1)!.postMessage({ sabotage });
      }
      events.push(event);
    });
    expect(disturbed).toBe(undisturbed);
    expect([fixture.workers.started.length, fixture.workers.running.size]).toEqual([2, 1]);

    const restart = events.findIndex(({ stage }) => stage === 'restart');
    expect(events[restart]).toMatchObject({
      reason: { code: 'device/worker-failed', details: { event: expect.any(String) } },
    });
    // After it comes what was not finished: from the first step that was not, once each.
    const [before, after] = [events.slice(0, restart), events.slice(restart + 1)];
    expect(new Set(before.map(({ stage }) => stage))).toEqual(new Set(['encode', 'denoise']));
    expect([...new Set(after.map(({ stage }) => stage))]).toEqual(['load', 'encode', 'denoise', 'decode']);
    const steps = after.flatMap((event) =>
      event.stage === 'denoise' && event.block === event.blocks ? [event.step] : [],
    );
    const kept = (events[restart] as Extract<Progress, { stage: 'restart' }>).steps;
    expect(steps).toEqual(Array.from({ length: 12 - kept }, (_, i) => kept + i));
    // A worker hears of the next step before the page hears of the last: at most one is lost.
    const begun = Math.max(...before.map((event) => (event.stage === 'denoise' ? event.step : 0)));
    expect(kept).toBeGreaterThanOrEqual(begun);
    const fractions = events.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect([fractions[restart], fractions.at(-1)]).toEqual([fractions[restart - 1], 1]);
  });

  it('twice is reported, with its words; the next call starts anew', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm', workerUrl: sabotaged() });
    const restarts: Progress[] = [];
    const crash = (event: Progress): void => {
      if (event.stage === 'denoise') fixture.workers.started.at(-1)!.postMessage({ sabotage: 'crash' });
      if (event.stage === 'restart') restarts.push(event);
    };
    const error = await rejection(base64(flux, crash));
    expect(restarts).toHaveLength(1);
    expect(isFluxError(error, 'device/worker-failed')).toBe(true);
    expect((error as Error).message).toContain('boom');
    expect([fixture.workers.started.length, fixture.workers.running.size]).toEqual([2, 0]);
    expect(await base64(flux)).not.toBe('');
  });

  it('rejects every pending call when it is dead silent from the start', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, workerUrl: workerUrl('for (;;) {}'), hangTimeoutMs: 600 });
    const errors = await Promise.all([rejection(flux.load()), rejection(flux.load())]);
    for (const error of errors) {
      expect(isFluxError(error, 'device/worker-failed') && error.details.event).toBe('hang');
    }
    expect(fixture.workers.running.size).toBe(0);
  });
});

describe('a GPU that fails', () => {
  // Long for one read of this model even on a busy machine, but short for a test.
  const stallTimeoutMs = 15_000;
  let flux: FluxSrpo;
  beforeAll(() => {
    flux = createFluxSrpo({ model: fixture.url, backend: 'webgpu', workerUrl: GPU_WORKER, stallTimeoutMs });
  });
  afterAll(() => flux.dispose());

  it('because it hangs while the worker answers, ends the call with device/hung, not tried again', async () => {
    const { model } = await flux.load();
    let hungAt = 0;
    const onProgress = () => {
      if (hungAt > 0) return;
      hungAt = performance.now();
      orderGpu('hang');
    };
    const error = await rejection(flux.images.generate({ model, ...SMALLEST }, { onProgress }));
    expect(isFluxError(error, 'device/hung') && error.details.event).toBe('stall');
    // A heartbeat less: the last sign of life may have come just before one.
    expect(performance.now() - hungAt).toBeGreaterThan((stallTimeoutMs * 5) / 6);
    expect([fixture.workers.started.length, fixture.workers.running.size]).toEqual([1, 0]);
  });

  // The call after the one that hung.
  it('because it runs out of memory, gets a smaller plan: the picture goes on to the same pixels, and says so', async () => {
    const { model, memory } = await flux.load();
    const request = { model, ...SMALLEST, output_format: 'b64_json' } as const;
    const restarts: Progress[] = [];
    // The decoder's weights come next, and find no room.
    const onProgress = (event: Progress) => {
      if (event.stage === 'denoise' && restarts.length === 0) orderGpu('fill');
      if (event.stage === 'restart') restarts.push(event);
    };
    const { data, warnings } = await flux.images.generate(request, { onProgress });
    expect(restarts).toMatchObject([{ reason: { code: 'device/out-of-memory' } }]);
    expect(warnings.map(({ field }) => field)).toEqual(['memoryBudget']);
    expect((await flux.load()).memory!.peak).toBeLessThan(memory!.peak);
    expect(fixture.workers.started).toHaveLength(2);

    const undisturbed = await flux.images.generate(request);
    expect(undisturbed).toMatchObject({ data, warnings });
    expect(fixture.workers.started).toHaveLength(2);
    await flux.unload();
    expect((await flux.load()).memory).toEqual(memory);
  });
});

describe('unload', () => {
  it('ends the worker, in its turn, and the next call starts another', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    const { model } = await flux.load();
    const picture = flux.images.generate({ model, ...SMALL });
    await flux.unload();
    expect((await picture).data).toHaveLength(1);
    expect(fixture.workers.running.size).toBe(0);
    await flux.load();
    expect([fixture.workers.started.length, fixture.workers.running.size]).toEqual([2, 1]);
  });
});

describe('probe', () => {
  it('says in under a second what this machine can do, and fetches only the manifest', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, allowWasm: true });
    // The first call loads the code of the probe from many modules. A bundler would have made one
    // small file of them.
    await flux.probe();
    performance.clearResourceTimings();
    const probe = async () => {
      const start = performance.now();
      const report = await flux.probe();
      return { report, took: performance.now() - start };
    };
    let { report, took } = await probe();
    // What else the machine does may delay one; not all of them.
    for (let tries = 0; tries < 20 && took >= 1000; tries++) ({ report, took } = await probe());
    expect(took).toBeLessThan(1000);
    expect(['ready', 'slow']).toContain(report.verdict);
    expect(report.backend).toBe(report.verdict === 'ready' ? 'webgpu' : 'wasm');
    expect(report.model?.model).toBeTypeOf('string');
    expect(report.download).toBeGreaterThan(10_000);
    expect(report.memory?.peak).toBeGreaterThan(report.memory!.phases.decode.largestBuffer);
    expect(report.storage?.quota).toBeGreaterThan(0);
    expect(report.summary).toContain(`: ${report.verdict} on ${report.backend}`);
    for (const phase of ['text', 'modulation', 'denoise', 'decode']) expect(report.summary).toContain(`\n  ${phase} `);
    const fetched = performance.getEntriesByType('resource').map(({ name }) => name);
    // The first call's entry may come late, so this is a set.
    expect(new Set(fetched)).toEqual(new Set([`${location.origin}${fixture.url}manifest.json`]));
    expect(fixture.workers.started).toEqual([]);
  });

  it('names what is missing', async () => {
    await using nowhere = createFluxSrpo({ model: '/no/such/bundle/' });
    const { verdict, reasons } = await nowhere.probe();
    expect(verdict).toBe('unsupported');
    expect(reasons.map(({ code }) => code)).toContain('model/not-found');
  });
});
