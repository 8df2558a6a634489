/// <reference types="vite/client" />
import { createFluxSrpo, type FluxSrpo, isFluxError } from 'flux-srpo';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { REAL_WORKER, rejection, SMALL, watchWorkers, workerUrl } from '../support/page.ts';

/** A sample; `npm run test:full` runs what the requirement says. */
const CYCLES = import.meta.env.VITE_TEST_FULL === '1' ? 50 : 5;

/** The requirement: an abort is heard within half a second. */
const MAX_ABORT_MS = 500;

let url: string;
beforeAll(async () => {
  url = await commands.serveFixtureBundle('a-3x32');
});

let workers: ReturnType<typeof watchWorkers>;
beforeEach(() => {
  workers = watchWorkers();
});
afterEach(() => workers.restore());

/** The real worker, which also throws or spins when a message says so. */
const sabotaged = () =>
  workerUrl(`
    import '${REAL_WORKER}';
    addEventListener('message', ({ data }) => {
      if (data?.sabotage === 'crash') setTimeout(() => { throw new Error('boom'); });
      if (data?.sabotage === 'hang') for (;;) {}
    });
  `);

/** A picture of enough steps to be disturbed in the middle of them. */
async function base64(flux: FluxSrpo, onDenoise?: () => void): Promise<string> {
  const { model } = await flux.load();
  const { data } = await flux.images.generate(
    { model, ...SMALL, num_inference_steps: 12, output_format: 'b64_json' },
    { onProgress: ({ stage }) => stage === 'denoise' && onDenoise?.() },
  );
  return data[0]!.b64_json;
}

describe('cancelling', () => {
  let flux: FluxSrpo;
  let model: string;
  beforeAll(async () => {
    flux = createFluxSrpo({ model: url, backend: 'wasm' });
    ({ model } = await flux.load());
  });
  afterAll(() => flux.dispose());

  it.each(['load', 'encode', 'denoise', 'decode'])(
    'while it does %s rejects at once; the next picture comes',
    async (phase) => {
      const controller = new AbortController();
      // Weights stay between pictures, so that only a fresh start loads any; the same prompt is not encoded twice.
      await flux.unload();
      let abortedAt = 0;
      const error = await rejection(
        flux.images.generate(
          { model, ...SMALL },
          {
            signal: controller.signal,
            onProgress: ({ stage }) => {
              if (stage !== phase || controller.signal.aborted) return;
              abortedAt = performance.now();
              controller.abort();
            },
          },
        ),
      );
      expect(performance.now() - abortedAt).toBeLessThan(MAX_ABORT_MS);
      expect((error as Error).name).toBe('AbortError');
      expect((await flux.images.generate({ model, ...SMALL })).data).toHaveLength(1);
    },
  );

  it('stops the worker at its next block, not at the end of the picture', async () => {
    const controller = new AbortController();
    const steps = 200;
    let lastStep = 0;
    const long = flux.images.generate(
      { model, ...SMALL, num_inference_steps: steps },
      {
        signal: controller.signal,
        onProgress: (progress) => {
          if (progress.stage !== 'denoise') return;
          lastStep = progress.step;
          controller.abort();
        },
      },
    );
    const started = performance.now();
    await rejection(long);
    // It waits in the worker until the first has stopped.
    const next = await flux.images.generate({ model, ...SMALL });
    const abortedAfter = performance.now() - started;
    const { timings } = await flux.images.generate({ model, ...SMALL, num_inference_steps: 20 });
    expect([lastStep, next.data.length]).toEqual([0, 1]);
    // The whole picture would have taken ten times as long as this one.
    expect(abortedAfter).toBeLessThan(5 * timings!.total);
  });

  it('while waiting gives the place up, and the queue says so', async () => {
    const controller = new AbortController();
    const first = flux.images.generate({ model, ...SMALL });
    const waiting = rejection(flux.images.generate({ model, ...SMALL }, { signal: controller.signal }));
    expect(flux.queue).toEqual({ running: 1, waiting: 1, max: 8 });
    controller.abort('changed my mind');
    expect(await waiting).toBe('changed my mind');
    expect(flux.queue).toEqual({ running: 1, waiting: 0, max: 8 });
    await first;
    expect(flux.queue.running).toBe(0);
  });

  it('takes its listeners off the signal', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await flux.images.generate({ model, ...SMALL }, { signal });
    expect(listeners).toBe(0);
  });
});

describe('a worker that fails in mid-run', () => {
  it.each([
    ['crashes', 'crash', {}],
    // Its silence is the only sign; the real worker is never silent for so long with this model.
    ['hangs', 'hang', { hangTimeoutMs: 6000 }],
  ] as const)('once, because it %s, is replaced, and the picture is the same', async (_what, sabotage, options) => {
    await using flux = createFluxSrpo({ model: url, backend: 'wasm', workerUrl: sabotaged(), ...options });
    const undisturbed = await base64(flux);
    let isDone = false;
    const disturbed = await base64(flux, () => {
      if (!isDone) workers.started.at(-1)!.postMessage({ sabotage });
      isDone = true;
    });
    expect(disturbed).toBe(undisturbed);
    expect([workers.started.length, workers.running.size]).toEqual([2, 1]);
  });

  it('twice is reported, with its words; the next call starts anew', async () => {
    await using flux = createFluxSrpo({ model: url, backend: 'wasm', workerUrl: sabotaged() });
    const error = await rejection(base64(flux, () => workers.started.at(-1)!.postMessage({ sabotage: 'crash' })));
    expect(isFluxError(error, 'device/worker-failed')).toBe(true);
    expect((error as Error).message).toContain('boom');
    expect([workers.started.length, workers.running.size]).toEqual([2, 0]);
    expect(await base64(flux)).not.toBe('');
  });

  it('rejects every pending call when it is dead silent from the start', async () => {
    await using flux = createFluxSrpo({ model: url, workerUrl: workerUrl('for (;;) {}'), hangTimeoutMs: 600 });
    const errors = await Promise.all([rejection(flux.load()), rejection(flux.load())]);
    for (const error of errors) {
      expect(isFluxError(error, 'device/worker-failed') && error.details.event).toBe('hang');
    }
    expect(workers.running.size).toBe(0);
  });
});

describe('disposal', () => {
  it(`leaves no worker and no object URL behind, ${CYCLES} times`, async () => {
    const urls = new Set<string>();
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (blob) => {
      const made = createObjectURL(blob);
      urls.add(made);
      return made;
    };
    URL.revokeObjectURL = (gone) => {
      urls.delete(gone);
      revokeObjectURL(gone);
    };
    try {
      for (let i = 0; i < CYCLES; i++) {
        await using flux = createFluxSrpo({ model: url, backend: 'wasm' });
        const { model } = await flux.load();
        const { data } = await flux.images.generate({ model, ...SMALL });
        expect([urls.size, workers.running.size]).toEqual([1, 1]);
        await fetch(data[0]!.url);
      }
      expect([...urls]).toEqual([]);
      expect([workers.started.length, workers.running.size]).toEqual([CYCLES, 0]);
    } finally {
      Object.assign(URL, { createObjectURL, revokeObjectURL });
    }
  });

  it('may happen twice, and in the middle of everything', async () => {
    const flux = createFluxSrpo({ model: url, backend: 'wasm' });
    const { model } = await flux.load();
    const pending = [1, 2, 3].map(() => rejection(flux.images.generate({ model, ...SMALL })));
    await Promise.all([flux.dispose(), flux.dispose()]);
    for (const error of await Promise.all(pending)) expect((error as Error).name).toBe('AbortError');
    expect(workers.running.size).toBe(0);
  });

  it('of one picture is revokeImageUrl', async () => {
    await using flux = createFluxSrpo({ model: url, backend: 'wasm' });
    const { model } = await flux.load();
    const { data } = await flux.images.generate({ model, ...SMALL });
    flux.revokeImageUrl(data[0]!.url);
    await expect(fetch(data[0]!.url)).rejects.toThrow();
  });
});

describe('unload', () => {
  it('ends the worker, in its turn, and the next call starts another', async () => {
    await using flux = createFluxSrpo({ model: url, backend: 'wasm' });
    const { model } = await flux.load();
    const picture = flux.images.generate({ model, ...SMALL });
    await flux.unload();
    expect((await picture).data).toHaveLength(1);
    expect(workers.running.size).toBe(0);
    await flux.load();
    expect([workers.started.length, workers.running.size]).toEqual([2, 1]);
  });
});

describe('probe', () => {
  it('says in under a second what this machine can do, and fetches only the manifest', async () => {
    await using flux = createFluxSrpo({ model: url, allowWasm: true });
    // The first call loads the code of the probe, which a page's bundler would have made one small file.
    await flux.probe();
    performance.clearResourceTimings();
    const start = performance.now();
    const report = await flux.probe();
    expect(performance.now() - start).toBeLessThan(1000);
    expect(['ready', 'slow']).toContain(report.verdict);
    expect(report.backend).toBe(report.verdict === 'ready' ? 'webgpu' : 'wasm');
    expect(report.model?.model).toBeTypeOf('string');
    expect(report.download).toBeGreaterThan(10_000);
    expect(report.memory?.peak).toBeGreaterThan(report.memory!.phases.decode.largestBuffer);
    expect(report.storage?.quota).toBeGreaterThan(0);
    const fetched = performance.getEntriesByType('resource').map(({ name }) => name);
    // The first call's entry may come late, so this is a set.
    expect(new Set(fetched)).toEqual(new Set([`${location.origin}${url}manifest.json`]));
    expect(workers.started).toEqual([]);
  });

  it('names what is missing', async () => {
    await using nowhere = createFluxSrpo({ model: '/no/such/bundle/' });
    const { verdict, reasons } = await nowhere.probe();
    expect(verdict).toBe('unsupported');
    expect(reasons.map(({ code }) => code)).toContain('model/not-found');
  });
});
