/// <reference types="vite/client" />
import { createFluxSrpo, type FluxSrpo, type Progress } from 'flux-srpo';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { commands } from 'vitest/browser';
import { randomNumbers } from '../support/random-numbers.ts';
import { orderGpu } from './support/gpu-control.ts';
import { GPU_WORKER, later, rejection, SMALL, SMALLEST, untilStill } from './support/page.ts';
import { watchedFixture } from './support/watched-fixture.ts';

// Oracle: the same request undisturbed, to the byte.

/** How many devices are lost. `npm run test:full` loses the count of test/README.md. */
const LOSSES = import.meta.env.VITE_TEST_FULL === '1' ? 60 : 3;
/** Time for as many starts of the software GPU on a busy machine. */
const FULL_MS = 60 * 60_000;

const STEPS = 12;
const REQUEST = { ...SMALL, num_inference_steps: STEPS, output_format: 'b64_json' } as const;
const QUICK_REQUEST = { ...SMALLEST, num_inference_steps: 6, output_format: 'b64_json' } as const;
const GPU = { backend: 'webgpu', workerUrl: GPU_WORKER } as const;
const GPU_LOCK = 'flux-srpo:gpu';

const fixture = watchedFixture();
afterEach(async () => {
  await using flux = createFluxSrpo({ model: fixture.url });
  for (const { id } of await flux.images.pending()) await flux.images.forget(id);
});

type Listener = (progress: Progress) => void;

async function base64(flux: FluxSrpo, request: typeof REQUEST | typeof QUICK_REQUEST, onProgress?: Listener) {
  return (await flux.images.generate(request, { onProgress })).data[0]!.b64_json!;
}

let expected: string;
beforeAll(async () => {
  await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
  expected = await base64(flux, REQUEST);
});

/**
 * A page of its own, which ends when its frame is removed. It draws with `resume: true`, and stands
 * still after its first step, so that it is not done before the test gets to it.
 */
function drawingPage(): HTMLIFrameElement {
  const frame = document.createElement('iframe');
  // Vitest wraps every dynamic import in a function of its own page.
  frame.srcdoc = `<script>__vitest_browser_runner__ = parent.__vitest_browser_runner__</script><script type="module">
    import { createFluxSrpo } from '${location.origin}/packages/images/src/index.ts';
    const flux = createFluxSrpo({ model: '${location.origin}${fixture.url}', backend: 'wasm' });
    const onProgress = ({ stage, step }) => stage === 'denoise' && step === 1 && flux.pause();
    flux.images.generate(${JSON.stringify(REQUEST)}, { resume: true, onProgress });
  </script>`;
  document.body.append(frame);
  return frame;
}

/** The database of pictures, which must be there. */
function openPictures(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('flux-srpo-pictures');
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

/** Lets nobody else write into the database from now on, until the result is called. */
function holdPictures(database: IDBDatabase): () => void {
  let isHeld = true;
  const store = database.transaction('pictures', 'readwrite').objectStore('pictures');
  // A transaction ends when nothing is asked of it any more.
  const ask = (): void => {
    if (isHeld) store.count().onsuccess = ask;
  };
  ask();
  return () => {
    isHeld = false;
  };
}

describe('a picture that was begun with resume', () => {
  it('goes on in another page after its own has gone, and is stored no longer', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    const frame = drawingPage();
    await expect.poll(async () => (await flux.images.pending())[0]?.steps).toBeGreaterThan(0);
    const [running] = await flux.images.pending();
    expect(running).toMatchObject({ isRunning: true, request: { prompt: REQUEST.prompt, seed: REQUEST.seed } });
    // Two pages must not draw one picture.
    const { id } = running!;
    expect(await rejection(flux.images.resume(id))).toMatchObject({ code: 'input/conflict' });
    frame.remove();
    await expect.poll(async () => (await flux.images.pending())[0]!.isRunning).toBe(false);
    const kept = (await flux.images.pending())[0]!;
    const steps = new Set<number>();
    const onProgress: Listener = (event) => void (event.stage === 'denoise' && steps.add(event.step));
    const { data, seed } = await flux.images.resume(id, { onProgress });
    expect([data[0]!.b64_json, seed]).toEqual([expected, REQUEST.seed]);
    expect([...steps]).toEqual(Array.from({ length: STEPS - kept.steps }, (_, i) => kept.steps + i));
    expect(await flux.images.pending()).toEqual([]);
    expect(await rejection(flux.images.resume(id))).toMatchObject({ code: 'input/out-of-range' });
  });

  it('is refused by another model, and stays for its own; an abort removes it', async () => {
    const flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    let draws = 0;
    // So long that it is not done before the page has heard of a step.
    const long = { ...REQUEST, num_inference_steps: 1000 };
    const drawn = flux.images.generate(long, {
      resume: true,
      onProgress: (event) => {
        if (event.stage === 'denoise' && event.step === 4 && draws++ === 0) void flux.dispose();
      },
    });
    expect(await rejection(drawn)).toMatchObject({ name: 'AbortError' });
    const other = await commands.serveFixtureBundle('b-2x64');
    await using wrong = createFluxSrpo({ model: other, backend: 'wasm' });
    await expect.poll(async () => (await wrong.images.pending())[0]).toMatchObject({ isRunning: false });
    const [picture] = await wrong.images.pending();
    expect(await rejection(wrong.images.resume(picture!.id))).toMatchObject({ code: 'input/conflict' });
    expect(await wrong.images.pending()).toEqual([picture]);

    await using right = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    const given = new AbortController();
    const onProgress: Listener = ({ stage }) => stage === 'denoise' && given.abort();
    expect(await rejection(right.images.resume(picture!.id, { signal: given.signal, onProgress }))).toMatchObject({
      name: 'AbortError',
    });
    expect(await right.images.pending()).toEqual([]);
  });

  it('tells what follows a step once that step is stored, in order', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    // This makes the database.
    expect(await flux.images.pending()).toEqual([]);
    const database = await openPictures();
    onTestFinished(() => database.close());
    const told: number[] = [];
    let release: (() => void) | undefined;
    const onProgress: Listener = (event) => {
      if (event.stage !== 'denoise') return;
      told.push(event.step);
      if (event.step === 3) release ??= holdPictures(database);
    };
    const drawing = flux.images.generate(REQUEST, { resume: true, onProgress });
    await vi.waitFor(() => expect(release).toBeDefined(), { timeout: 60_000 });
    try {
      // The worker goes on meanwhile.
      await later(2_000);
      expect(told.at(-1)).toBe(3);
    } finally {
      release!();
    }
    expect((await drawing).data[0]!.b64_json).toBe(expected);
    expect(new Set(told)).toEqual(new Set(Array.from({ length: STEPS }, (_, i) => i)));
    expect(told).toEqual(told.toSorted((a, b) => a - b));
  });

  it('is stored because it asked: nothing is of another', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    await base64(flux, REQUEST);
    expect(await flux.images.pending()).toEqual([]);
  });
});

describe('pause', () => {
  it('stops the steps, for longer than a hang may take, and resume ends in the same pixels', async () => {
    // Long for one run of this model even on a busy machine, but short for a test.
    const stallTimeoutMs = 6000;
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm', stallTimeoutMs });
    await flux.load();
    const events: Progress[] = [];
    let hasPaused = false;
    const drawing = base64(flux, REQUEST, (event) => {
      if (event.stage === 'denoise' && event.step === 3 && !hasPaused) {
        hasPaused = true;
        flux.pause();
      }
      events.push(event);
    });
    await expect.poll(() => flux.isPaused).toBe(true);
    await untilStill(() => events.length);
    const before = events.length;
    await later(1.3 * stallTimeoutMs);
    expect(events).toHaveLength(before);
    flux.resume();
    expect(await drawing).toBe(expected);
    // It was not taken for hung and replaced.
    expect(fixture.workers.started).toHaveLength(1);
  });

  it('lets a call be aborted, and the next one waits for resume', async () => {
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    await flux.load();
    flux.pause();
    const given = new AbortController();
    const drawing = rejection(flux.images.generate(REQUEST, { signal: given.signal }));
    await later(200);
    given.abort();
    expect(await drawing).toMatchObject({ name: 'AbortError' });
    const next = base64(flux, REQUEST);
    flux.resume();
    expect(await next).not.toBe('');
  });
});

describe('the screen', () => {
  it('is kept on while a picture is drawn, and no longer', async () => {
    const asked = vi.spyOn(navigator.wakeLock, 'request');
    await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    await base64(flux, QUICK_REQUEST);
    expect(asked.mock.calls).toEqual([['screen']]);
    // Headless browsers may refuse. A lock that was given is given back.
    const lock = await (asked.mock.results[0]!.value as Promise<WakeLockSentinel>).catch(() => undefined);
    expect(lock?.released ?? true).toBe(true);
    await using still = createFluxSrpo({ model: fixture.url, backend: 'wasm', keepAwake: false });
    await base64(still, QUICK_REQUEST);
    expect(asked).toHaveBeenCalledTimes(1);
    asked.mockRestore();
  });
});

describe('the GPU', () => {
  /** Draws for both tests: its start compiles kernels for a quarter of a minute. */
  let flux: FluxSrpo;
  let undisturbed: string;
  beforeAll(async () => {
    flux = createFluxSrpo({ model: fixture.url, ...GPU });
    undisturbed = await base64(flux, QUICK_REQUEST);
  });
  afterAll(() => flux.dispose());
  const isFree = () => navigator.locks.request(GPU_LOCK, { ifAvailable: true }, (lock) => lock !== null);

  it('is drawn on by one tab at a time; the others say that they wait; a paused one lets them', async () => {
    const events: Progress[] = [];
    let drawing: Promise<string> | undefined;
    // As another tab of this origin holds it.
    await navigator.locks.request(GPU_LOCK, async () => {
      let hasPaused = false;
      drawing = base64(flux, QUICK_REQUEST, (event) => {
        if (event.stage === 'denoise' && event.step === 1 && !hasPaused) {
          hasPaused = true;
          flux.pause();
        }
        events.push(event);
      });
      await expect.poll(() => events.at(-1)?.stage).toBe('wait');
      await later(500);
      expect(events.at(-1)?.stage).toBe('wait');
    });
    await expect.poll(() => flux.isPaused, { timeout: 300_000 }).toBe(true);
    await expect.poll(isFree).toBe(true);
    flux.resume();
    expect(await drawing).toBe(undisturbed);
    await expect.poll(isFree).toBe(true);
    expect(events.filter(({ stage }) => stage === 'wait')).toHaveLength(1);

    // Whoever waits can be aborted, and leaves nothing in the queue.
    await navigator.locks.request(GPU_LOCK, async () => {
      const given = new AbortController();
      const waiting = rejection(flux.images.generate(QUICK_REQUEST, { signal: given.signal }));
      await later(500);
      given.abort();
      expect(await waiting).toMatchObject({ name: 'AbortError' });
    });
    await expect.poll(isFree).toBe(true);
  });

  it(`that is lost at a random step is replaced ${LOSSES} times out of ${LOSSES}: same pixels, at most one step lost`, {
    timeout: FULL_MS,
  }, async () => {
    const random = randomNumbers(1);
    for (let loss = 0; loss < LOSSES; loss++) {
      const lostIn = Math.floor(random() * QUICK_REQUEST.num_inference_steps);
      let begun = -1;
      let restart: Extract<Progress, { stage: 'restart' }> | undefined;
      const drawn = await base64(flux, QUICK_REQUEST, (event) => {
        if (event.stage === 'restart') restart = event;
        if (restart !== undefined || event.stage !== 'denoise') return;
        if (begun < lostIn && event.step === lostIn) orderGpu('lose');
        begun = event.step;
      });
      expect(restart).toMatchObject({ reason: { code: 'device/lost' } });
      expect(restart!.steps).toBeGreaterThanOrEqual(begun);
      expect(drawn).toBe(undisturbed);
    }
    expect(fixture.workers.started).toHaveLength(LOSSES);
  });
});
