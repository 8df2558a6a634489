import {
  createFluxSrpo,
  DeviceError,
  type FluxSrpo,
  InputError,
  isFluxError,
  ModelError,
  type Progress,
} from 'flux-srpo';
import { createLocalFetch } from 'flux-srpo/fetch';
import type { ImageEvent } from 'flux-srpo/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import wasmUrl from '../../packages/images/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm?url';
import { REAL_WORKER, rejection, SMALL, watchWorkers, workerUrl } from './support/page.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    serveFixtureBundle(pipeline: string): Promise<string>;
  }
}

/** The real worker, which also says which calls it hears. */
const listening = () =>
  workerUrl(`
    import '${REAL_WORKER}';
    addEventListener('message', ({ data }) => {
      const [call] = data.path ?? [];
      if (call !== undefined && call !== 'ping') postMessage({ heard: call });
    });
  `);

let url: string;
beforeAll(async () => {
  url = await commands.serveFixtureBundle('a-3x32');
});

it('runs the one runtime file whose hash the page names, and no other', async () => {
  const bytes = await (await fetch(wasmUrl)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const wasmSha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const options = { model: url, backend: 'wasm', wasmUrl } as const;
  await using other = createFluxSrpo({ ...options, wasmSha256: '0'.repeat(64) });
  expect(await rejection(other.load())).toMatchObject({
    code: 'network/response-invalid',
    details: { got: wasmSha256 },
  });
  await using pinned = createFluxSrpo({ ...options, wasmSha256 });
  const { model } = await pinned.load();
  expect((await pinned.images.generate({ model, ...SMALL })).data).toHaveLength(1);
});

describe('the client with its worker', () => {
  let flux: FluxSrpo;
  let model: string;
  beforeAll(async () => {
    flux = createFluxSrpo({ model: url, backend: 'wasm' });
    ({ model } = await flux.load());
  });
  afterAll(() => flux.dispose());

  it('answers with a PNG of the asked size, and reports progress and partial pictures on the way', async () => {
    const stages = new Set<string>();
    const fractions: number[] = [];
    const partial: string[] = [];
    const response = await flux.images.generate(
      { model, ...SMALL },
      {
        onProgress: ({ stage, fraction }) => {
          stages.add(stage);
          fractions.push(fraction);
        },
        onPartialImage: ({ step, width, height, rgba }) => partial.push(`${step} ${width}x${height} ${rgba.length}`),
      },
    );
    expect(response).toMatchObject({
      model,
      backend: 'local',
      device: 'wasm',
      seed: 7,
      data: [{ url: expect.stringMatching(/^blob:/) }],
    });
    expect(Math.abs(response.created - Date.now() / 1000)).toBeLessThan(60);
    const bitmap = await createImageBitmap(await (await fetch(response.data[0]!.url!)).blob());
    expect([bitmap.width, bitmap.height]).toEqual([48, 80]);
    expect([...stages]).toEqual(['load', 'encode', 'denoise', 'decode']);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect([fractions[0]! < 0.5, fractions.at(-1)]).toEqual([true, 1]);
    // One pixel per 8×8, four bytes each.
    expect(partial).toEqual(['0 6x10 240', '1 6x10 240']);
  });

  it('gives the same bytes for the same seed, others for another', async () => {
    const png = async (seed: number) =>
      (await flux.images.generate({ model, ...SMALL, seed, output_format: 'b64_json' })).data[0]!.b64_json;
    const first = await png(7);
    expect(await png(7)).toBe(first);
    expect(await png(8)).not.toBe(first);
  });

  it('rejects at once with the reason of the signal, and goes on working', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const error = await rejection(
      flux.images.generate(
        { model, ...SMALL },
        { signal: controller.signal, onProgress: ({ stage }) => stage === 'denoise' && controller.abort(reason) },
      ),
    );
    expect(error).toBe(reason);
    expect((await flux.images.generate({ model, ...SMALL })).data).toHaveLength(1);
  });

  it('starts no block once the worker has heard of the abort, and the next call only after its answer', async () => {
    const workers = watchWorkers();
    await using other = createFluxSrpo({ model: url, backend: 'wasm', workerUrl: listening() });
    try {
      await other.load();
      const order: string[] = [];
      workers.started[0]!.addEventListener('message', ({ data }) => {
        if (data.heard !== undefined) order.push(data.heard);
        else if (data.path?.[0] === 'onProgress') order.push(data.argumentList[0].value.stage);
        else if (data.type === 'HANDLER' && data.name === 'throw') order.push('answer');
      });
      const controller = new AbortController();
      const onProgress = ({ stage }: Progress) => stage === 'denoise' && controller.abort();
      const long = { ...SMALL, model, num_inference_steps: 1000 };
      await rejection(other.images.generate(long, { signal: controller.signal, onProgress }));
      // Waits for the worker, which is still at that block.
      expect((await other.images.generate({ model, ...SMALL })).data).toHaveLength(1);
      const [canceled, answered] = [order.indexOf('cancel'), order.indexOf('answer')];
      expect(order.slice(0, canceled)).toContain('denoise');
      expect(answered).toBeGreaterThan(canceled);
      expect(order.slice(canceled, answered)).not.toContain('denoise');
      expect(order.slice(answered + 1)).not.toContain('answer');
      expect(order[answered + 1]).toBe('generate');
    } finally {
      workers.restore();
    }
  });

  it('tells nothing of a call that was aborted', async () => {
    const controller = new AbortController();
    const after: string[] = [];
    const onProgress = ({ stage }: Progress) => {
      if (controller.signal.aborted) after.push(stage);
      else controller.abort();
    };
    await rejection(flux.images.generate({ model, ...SMALL }, { signal: controller.signal, onProgress }));
    await flux.images.generate({ model, ...SMALL });
    expect(after).toEqual([]);
  });

  it('keeps AbortError an AbortError', async () => {
    const error = await rejection(flux.images.generate({ model, ...SMALL }, { signal: AbortSignal.abort() }));
    expect((error as Error).name).toBe('AbortError');
  });

  it('gives errors of the worker their class and code back', async () => {
    const nowhere = createFluxSrpo({ model: '/no/such/bundle/', backend: 'wasm' });
    const error = await rejection(nowhere.load());
    expect(error).toBeInstanceOf(ModelError);
    expect(isFluxError(error, 'model/not-found')).toBe(true);
    await nowhere.dispose();
  });

  it('refuses a wrong request without starting a worker', async () => {
    const idle = createFluxSrpo({ model: url, workerUrl: '/no-worker.js' });
    const error = await rejection(idle.images.generate({ model, ...SMALL, num_inference_steps: 0 }));
    expect(error).toBeInstanceOf(InputError);
  });

  it('refuses a wrong request at once, while another one runs', async () => {
    const order: string[] = [];
    const running = flux.images.generate({ model, ...SMALL }).then(() => order.push('picture'));
    const wrong = rejection(flux.images.generate({ model, ...SMALL, n: 0 })).then((error) => {
      order.push('refusal');
      return error;
    });
    expect(flux.queue).toEqual({ running: 1, waiting: 1, max: 8 });
    expect(isFluxError(await wrong, 'input/out-of-range')).toBe(true);
    expect(flux.queue).toEqual({ running: 1, waiting: 0, max: 8 });
    await running;
    expect(order).toEqual(['refusal', 'picture']);
  });

  it('loads once per worker, however often it is asked', async () => {
    const workers = watchWorkers();
    await using other = createFluxSrpo({ model: url, backend: 'wasm', workerUrl: listening() });
    try {
      const heard: string[] = [];
      await Promise.all([other.load(), other.load()]);
      workers.started[0]!.addEventListener('message', ({ data }) => data.heard !== undefined && heard.push(data.heard));
      for (let i = 0; i < 2; i++) await other.images.generate(SMALL);
      await other.load();
      expect(heard).toEqual(['generate', 'generate']);
    } finally {
      workers.restore();
    }
  });

  it('works again after unload', async () => {
    await flux.unload();
    expect((await flux.images.generate({ model, ...SMALL })).seed).toBe(7);
  });

  it('revokes its blob URLs and refuses calls once disposed', async () => {
    const short = createFluxSrpo({ model: url, backend: 'wasm' });
    const { data } = await short.images.generate({ model, ...SMALL });
    await short.dispose();
    await expect(fetch(data[0]!.url!)).rejects.toThrow();
    expect(await rejection(short.load())).toBeInstanceOf(InputError);
  });
});

describe('stream: true', () => {
  let flux: FluxSrpo;
  beforeAll(() => {
    flux = createFluxSrpo({ model: url, backend: 'wasm' });
  });
  afterAll(() => flux.dispose());
  const request = { ...SMALL, num_inference_steps: 6, n: 2, stream: true, partial_images: 2 } as const;

  it('gives the events that the endpoint gives', async () => {
    const { model } = await flux.load();
    const events: ImageEvent[] = [];
    for await (const event of await flux.images.generate({ model, ...request })) events.push(event);
    const response = await createLocalFetch(flux)('/v1/images/generations', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, ...request }),
    });
    const sent = (await response.text()).match(/(?<=^data: ).*/gm)!.map((data): ImageEvent => JSON.parse(data));
    const atAnyTime = (event: ImageEvent) => ({ ...event, created_at: 0 });
    expect(events.map(atAnyTime)).toEqual(sent.map(atAnyTime));
    expect(events.map(({ type, image_index }) => `${type.replace('image_generation.', '')} ${image_index}`)).toEqual([
      'partial_image 0',
      'partial_image 1',
      'partial_image 0',
      'partial_image 1',
      'completed 0',
      'completed 1',
    ]);
  });

  it('ends the run when the loop is left, and the next call is served', async () => {
    const long = { ...request, num_inference_steps: 1000, partial_images: 3 };
    const partials: string[] = [];
    const follow = { onProgress: ({ stage }: Progress) => stage === 'denoise' && void stream.return() };
    const stream = await flux.images.generate(long, follow);
    // Left long before the first rough picture, which comes after 250 steps.
    for await (const { type } of stream) partials.push(type);
    expect(partials).toEqual([]);
    expect((await flux.images.generate(SMALL)).data).toHaveLength(1);
  });
});

describe('a worker that fails', () => {
  it('rejects every pending call when its script is missing', async () => {
    const flux = createFluxSrpo({ model: url, workerUrl: '/no-worker.js' });
    const errors = await Promise.all([rejection(flux.load()), rejection(flux.load())]);
    for (const error of errors) {
      expect(error).toBeInstanceOf(DeviceError);
      expect(isFluxError(error, 'device/worker-failed')).toBe(true);
    }
  });

  it('rejects every pending call when it crashes later, and says how', async () => {
    const crashing = workerUrl('onmessage = () => { throw new Error("boom"); }');
    const flux = createFluxSrpo({ model: url, workerUrl: crashing });
    const error = await rejection(flux.load());
    expect(isFluxError(error, 'device/worker-failed')).toBe(true);
    expect((error as Error).message).toContain('boom');
  });

  it('settles pending calls with AbortError when the client is disposed', async () => {
    const flux = createFluxSrpo({ model: url, workerUrl: workerUrl('onmessage = () => {}') });
    const error = rejection(flux.load());
    await flux.dispose();
    expect(((await error) as Error).name).toBe('AbortError');
  });
});

describe('a browser without WebGPU', () => {
  // The real worker, in a world where the browser has no GPU object.
  const withoutGpu = () =>
    workerUrl(`
      import 'data:text/javascript,Object.defineProperty(navigator, "gpu", { value: undefined })';
      import '${REAL_WORKER}';
    `);

  it('gets wasm with "auto" where that is allowed, and is told why', async () => {
    const flux = createFluxSrpo({ model: url, workerUrl: withoutGpu(), allowWasm: true });
    const model = await flux.load();
    expect(model.backend).toBe('wasm');
    expect(model.fallback?.code).toBe('device/no-webgpu');
    await flux.dispose();
  });

  it.each(['auto', 'webgpu'] as const)('gets an error with "%s" where it is not', async (backend) => {
    const flux = createFluxSrpo({ model: url, backend, workerUrl: withoutGpu() });
    expect(isFluxError(await rejection(flux.load()), 'device/no-webgpu')).toBe(true);
    await flux.dispose();
  });
});
