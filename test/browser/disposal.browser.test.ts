/// <reference types="vite/client" />
import { createFluxSrpo } from 'flux-srpo';
import { describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { gpuHoldings } from './support/gpu-control.ts';
import { LOCAL_BACKENDS, rejection, SMALLEST, watchListeners } from './support/page.ts';
import { watchedFixture } from './support/watched-fixture.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    countWorkers(): Promise<number>;
    /** Bytes. */
    usedHeap(): Promise<number>;
  }
}

/** Time for fifty starts of the software GPU on a busy machine. */
const FULL_MS = 60 * 60_000;

/**
 * How often. A sample here; `npm run test:full` runs the count of test/README.md. The software GPU
 * takes seconds to begin.
 */
const IS_FULL = import.meta.env.VITE_TEST_FULL === '1';
const CYCLES = IS_FULL ? { wasm: 50, webgpu: 50 } : { wasm: 3, webgpu: 1 };
/** Of the first client. */
const PICTURES = IS_FULL ? { wasm: 200, webgpu: 50 } : { wasm: 8, webgpu: 5 };
/** The first pictures fill pools and caches. */
const WARM_UP = 3;
/** Bytes a picture that the heap may grow by. The first ones are what the engine learns of code. */
const MOST_GROWTH = IS_FULL ? 100_000 : 250_000;

const fixture = watchedFixture();

/** Object URLs that have not been revoked. */
function watchUrls(): { left: Set<string>; restore: () => void } {
  const left = new Set<string>();
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (blob) => {
    const made = createObjectURL(blob);
    left.add(made);
    return made;
  };
  URL.revokeObjectURL = (gone) => {
    left.delete(gone);
    revokeObjectURL(gone);
  };
  return { left, restore: () => Object.assign(URL, { createObjectURL, revokeObjectURL }) };
}

/** Slope of the line through the values, one a step, by least squares. */
function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const square = values.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  return values.reduce((sum, value, i) => sum + (i - middle) * value, 0) / square;
}

describe.each(LOCAL_BACKENDS)('on %s', (backend, options) => {
  const cycles = CYCLES[backend];
  const pictures = PICTURES[backend];

  /** Draws pictures, each of another prompt, and asserts that none leaves more than the last. */
  async function soak(draw: (prompt: string) => Promise<void>, held: () => unknown): Promise<void> {
    for (let i = 0; i < WARM_UP; i++) await draw(`a cat ${i}`);
    const before = await held();
    const heap: number[] = [];
    for (let i = 0; i < pictures; i++) {
      await draw(`a boat ${i}`);
      expect(await held()).toEqual(before);
      heap.push(await commands.usedHeap());
    }
    const growth = slopeOf(heap);
    console.log(`${backend}: ${heap.at(-1)} bytes of heap, ${growth.toFixed(0)} more a picture`);
    expect(growth).toBeLessThan(MOST_GROWTH);
  }

  it(`${cycles} times over, once after ${pictures} pictures, what was made leaves nothing behind`, {
    timeout: FULL_MS,
  }, async () => {
    const urls = watchUrls();
    const listeners = watchListeners();
    const gpu: { devices: number; buffers: number }[] = [];
    const channel = new BroadcastChannel('gpu-worker');
    channel.onmessage = ({ data }) => gpu.push(data);
    // This signal outlives all clients, as a page's own signal would.
    const { signal } = new AbortController();
    const startedWith = await commands.countWorkers();
    try {
      for (let i = 0; i < cycles; i++) {
        await using flux = createFluxSrpo({ model: fixture.url, ...options });
        const { model } = await flux.load({ signal });
        const { data } = await flux.images.generate({ model, ...SMALLEST }, { signal });
        expect([urls.left.size, fixture.workers.running.size]).toEqual([1, 1]);
        await expect.poll(() => commands.countWorkers()).toBe(startedWith + 1);
        expect(listeners.left()).toContain('Worker message');
        await fetch(data[0]!.url!);
        const draw = async (prompt: string) => {
          const drawn = await flux.images.generate({ model, ...SMALLEST, prompt }, { signal });
          flux.revokeImageUrl(drawn.data[0]!.url!);
        };
        const held = async () => ({
          urls: urls.left.size,
          listeners: listeners.left(),
          gpu: backend === 'webgpu' && (await gpuHoldings()),
        });
        if (i === 0) await soak(draw, held);
        // `unload` comes before `dispose`, so that the worker can tell what it gave back. `dispose`
        // alone would end it, and the browser would take the rest.
        await flux.unload();
      }
      expect([...urls.left]).toEqual([]);
      expect([fixture.workers.started.length, fixture.workers.running.size]).toEqual([cycles, 0]);
      expect(listeners.left()).toEqual([]);
      await expect.poll(() => commands.countWorkers()).toBe(startedWith);
      if (backend === 'wasm') return;
      // Each worker has five devices: two that test the adapter and one for each phase. Each is
      // destroyed with its buffers.
      await expect.poll(() => gpu.length).toBe(5 * cycles);
      expect(gpu.some(({ buffers }) => buffers > 0)).toBe(true);
      expect(gpu.filter(({ devices }) => devices === 0)).toEqual(Array(3 * cycles).fill({ devices: 0, buffers: 0 }));
    } finally {
      urls.restore();
      listeners.restore();
      channel.close();
    }
  });

  it('disposal may happen twice, and in the middle of everything', async () => {
    const startedWith = await commands.countWorkers();
    const flux = createFluxSrpo({ model: fixture.url, ...options });
    const { model } = await flux.load();
    const pending = [1, 2, 3].map(() => rejection(flux.images.generate({ model, ...SMALLEST })));
    await Promise.all([flux.dispose(), flux.dispose()]);
    for (const error of await Promise.all(pending)) expect((error as Error).name).toBe('AbortError');
    expect(fixture.workers.running.size).toBe(0);
    await expect.poll(() => commands.countWorkers()).toBe(startedWith);
  });
});

it('disposal of one picture is revokeImageUrl', async () => {
  await using flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
  const { model } = await flux.load();
  const { data } = await flux.images.generate({ model, ...SMALLEST });
  flux.revokeImageUrl(data[0]!.url!);
  await expect(fetch(data[0]!.url!)).rejects.toThrow();
});

it('calls that are aborted, left or cut off leave no listener behind', async () => {
  const listeners = watchListeners();
  // Outlives the client, as a page's own would.
  const { signal } = new AbortController();
  const request = { ...SMALLEST, num_inference_steps: 50, partial_images: 1 };
  try {
    const flux = createFluxSrpo({ model: fixture.url, backend: 'wasm' });
    const controller = new AbortController();
    const either = AbortSignal.any([signal, controller.signal]);
    await rejection(flux.images.generate(request, { signal: either, onProgress: () => controller.abort() }));
    for await (const _event of await flux.images.generate({ ...request, stream: true }, { signal })) break;
    const cutOff = rejection(flux.images.generate(request, { signal, onProgress: () => void flux.dispose() }));
    expect((await cutOff) as Error).toMatchObject({ name: 'AbortError' });
    await expect.poll(() => listeners.left()).toEqual([]);
  } finally {
    listeners.restore();
  }
});
