import { InputError, isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { createFluxSrpo } from './client.ts';
import type { FluxSrpoOptions } from './options.ts';

/**
 * Node has no web workers, so this is a machine that cannot run the model: what `auto` does there
 * needs no stand-in for the local side. The server is a function in the place of `fetch`.
 */

const REQUEST = { model: 'some-model', prompt: 'a canary' };
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

function server() {
  const bodies: { prompt: string; seed: number }[] = [];
  const fetch = (async (_url: RequestInfo | URL, init?: RequestInit) => {
    bodies.push(JSON.parse(String(init?.body)));
    return Response.json({ created: 1, data: [{ url: '', b64_json: PNG, revised_prompt: '' }], seed: 7 });
  }) as typeof globalThis.fetch;
  return { bodies, remote: { baseURL: 'https://server.example/v1', fetch } };
}

function client(options: Partial<FluxSrpoOptions> = {}) {
  return createFluxSrpo({ model: 'https://bundle.example/model/', ...options });
}

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('expected a rejection, got a result');
    },
    (error: unknown) => error,
  );

describe('a machine that cannot run the model', () => {
  it('sends nothing anywhere without a remote', async () => {
    const error = await rejection(client().images.generate(REQUEST));
    expect(isFluxError(error, 'device/feature-missing')).toBe(true);
  });

  it('asks before every prompt that goes to the server, and says why', async () => {
    const { bodies, remote } = server();
    const reasons: [string, number][] = [];
    const flux = client({ remote, onFallback: ({ code }) => void reasons.push([code, bodies.length]) });
    for (let i = 0; i < 2; i++) {
      const response = await flux.images.generate({ ...REQUEST, output_format: 'b64_json', quality: 'hd' });
      expect(response).toMatchObject({ backend: 'remote', seed: 7, data: [{ b64_json: PNG }] });
      expect(response.warnings).toContainEqual({ field: 'quality', reason: expect.any(String) });
    }
    // Called when as many prompts had been sent as there were earlier requests: before each, not
    // after.
    expect(reasons).toEqual([
      ['device/feature-missing', 0],
      ['device/feature-missing', 1],
    ]);
    expect(bodies.map(({ prompt }) => prompt)).toEqual(['a canary', 'a canary']);
  });

  it('keeps the prompt after a veto: the reason comes back, or what the caller throws', async () => {
    const { bodies, remote } = server();
    const vetoes: [NonNullable<FluxSrpoOptions['onFallback']>, (error: unknown) => boolean][] = [
      [() => false, (error) => isFluxError(error, 'device/feature-missing')],
      [async () => false, (error) => isFluxError(error, 'device/feature-missing')],
      [
        () => {
          throw new RangeError('no');
        },
        (error) => error instanceof RangeError,
      ],
    ];
    for (const [onFallback, isExpected] of vetoes) {
      expect(isExpected(await rejection(client({ remote, onFallback }).images.generate(REQUEST)))).toBe(true);
    }
    expect(bodies).toEqual([]);
  });

  it.each([{ fallback: 'never' }, { backend: 'webgpu' }, { backend: 'wasm' }] as const)(
    'keeps the prompt with %j, remote or not',
    async (options) => {
      const { bodies, remote } = server();
      const error = await rejection(client({ ...options, remote }).images.generate(REQUEST));
      expect(isFluxError(error, 'device/feature-missing')).toBe(true);
      expect(bodies).toEqual([]);
    },
  );

  it('sends nothing once the caller has aborted while being asked', async () => {
    const { bodies, remote } = server();
    const controller = new AbortController();
    const flux = client({ remote, onFallback: () => controller.abort('changed my mind') });
    expect(await rejection(flux.images.generate(REQUEST, { signal: controller.signal }))).toBe('changed my mind');
    expect(bodies).toEqual([]);
  });

  it('never sends a request that is wrong', async () => {
    const { bodies, remote } = server();
    const flux = client({ remote, fallback: 'on-failure' });
    const error = await rejection(flux.images.generate({ ...REQUEST, n: 0 }));
    expect(isFluxError(error, 'input/out-of-range')).toBe(true);
    expect(bodies).toEqual([]);
  });
});

describe('a server that renders the page', () => {
  const message = expect.stringMatching(/no page.*make the first call in the browser/);

  it('makes clients of relative addresses; the first use says that there is no page', async () => {
    const flux = createFluxSrpo({
      model: '/models/tiny/',
      workerUrl: './worker.js',
      wasmUrl: 'ort.wasm',
      allowWasm: true,
    });
    const uses = [() => flux.load(), () => flux.images.generate({ prompt: 'a canary' }), () => flux.storage.import({})];
    for (const use of uses) {
      expect(await rejection(use())).toMatchObject({ code: 'device/feature-missing', message });
    }
    expect(await flux.probe()).toMatchObject({
      verdict: 'unsupported',
      reasons: [{ code: 'device/feature-missing', message }],
      summary: expect.stringContaining('unsupported'),
    });
    expect(await flux.storage.list()).toEqual([]);
    await flux.unload();
    await flux.clearKept();
    await flux.dispose();
  });

  it('makes clients of a relay of its own; the first use says that its address is relative to a page', async () => {
    const flux = createFluxSrpo({ backend: 'remote', remote: { baseURL: '/relay/v1' } });
    for (const use of [() => flux.load(), () => flux.images.generate(REQUEST)]) {
      expect(await rejection(use())).toMatchObject({
        code: 'input/type',
        message: expect.stringContaining('the page'),
      });
    }
    expect(() => createFluxSrpo({ backend: 'remote', remote: { baseURL: 'https://' } })).toThrow(InputError);
    const { createRemote } = await import('../remote/index.ts');
    expect(createRemote({ baseURL: '/relay/v1' })).toBeDefined();
  });
});

describe('backend "remote"', () => {
  it('needs no model and asks nobody', async () => {
    const { bodies, remote } = server();
    let asked = false;
    const flux = createFluxSrpo({
      backend: 'remote',
      remote,
      onFallback: () => {
        asked = true;
      },
    });
    const response = await flux.images.generate({ ...REQUEST, seed: 3 });
    expect(response.data[0]!.url).toBe(`data:image/png;base64,${PNG}`);
    expect([asked, bodies[0]!.seed]).toEqual([false, 3]);
  });

  it('says at load which models the server has, the sizes of the contract, and takes the first', async () => {
    const asked: string[] = [];
    const fetch = (async (url: RequestInfo | URL, init?: RequestInit) => {
      asked.push(`${init?.method} ${url} ${JSON.stringify([...new Headers(init?.headers)])}`);
      return Response.json({ object: 'list', data: [{ id: 'a' }, { id: 'b' }] });
    }) as typeof globalThis.fetch;
    const remote = { baseURL: 'https://server.example/v1', apiKey: 'Bearer sk-1', fetch };
    const flux = createFluxSrpo({ backend: 'remote', remote });
    expect(await flux.load()).toMatchObject({
      backend: 'remote',
      model: 'a',
      models: ['a', 'b'],
      sizes: { landscape_4_3: { width: 1024, height: 768 } },
    });
    expect(asked).toEqual([
      'GET https://server.example/v1/models [["accept","application/json"],["authorization","Bearer sk-1"]]',
    ]);
  });

  it('warns when rough pictures were wanted that a server does not send', async () => {
    const { remote } = server();
    const flux = createFluxSrpo({ backend: 'remote', remote });
    const { warnings } = await flux.images.generate(REQUEST, { onPartialImage: () => undefined });
    expect(warnings.map(({ field }) => field)).toEqual(['partial_images']);
  });

  it('rejects what is on the way with AbortError when disposed', async () => {
    const fetch = (() => new Promise(() => undefined)) as unknown as typeof globalThis.fetch;
    const flux = createFluxSrpo({ backend: 'remote', remote: { baseURL: 'https://server.example', fetch } });
    const error = rejection(flux.images.generate(REQUEST));
    await flux.dispose();
    expect(await error).toMatchObject({ name: 'AbortError' });
    expect(await rejection(flux.images.generate(REQUEST))).toBeInstanceOf(InputError);
  });
});

describe('stream: true', () => {
  const HEAD = { created_at: 1, quality: 'auto', background: 'opaque', output_format: 'png' };
  const partial = (index: number, size: string) => ({
    type: 'image_generation.partial_image',
    ...HEAD,
    b64_json: PNG,
    size,
    partial_image_index: index,
    image_index: 0,
  });
  const completed = { type: 'image_generation.completed', ...HEAD, b64_json: PNG, seed: 7 };

  /** A server whose stream ends when the test says so, and what it was asked. */
  function streamingServer() {
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const asked: { body: Record<string, unknown>; signal: AbortSignal }[] = [];
    const fetch = (async (_url: RequestInfo | URL, init?: RequestInit) => {
      asked.push({ body: JSON.parse(String(init?.body)), signal: init?.signal as AbortSignal });
      const body = new ReadableStream<Uint8Array>({
        start: (begun) => {
          controller = begun;
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    }) as typeof globalThis.fetch;
    const send = (event: { type: string }): void =>
      controller.enqueue(new TextEncoder().encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
    const remote = { baseURL: 'https://server.example/v1', fetch };
    return { asked, send, end: () => controller.close(), flux: createFluxSrpo({ backend: 'remote', remote }) };
  }

  it('gives the events of a server as they come, with its own files and sizes', async () => {
    const { asked, send, end, flux } = streamingServer();
    const stream = await flux.images.generate({ ...REQUEST, stream: true, partial_images: 2 });
    expect(asked).toEqual([]);
    const first = stream.next();
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]!.body).toMatchObject({ stream: true, partial_images: 2 });
    send(partial(0, '1024x768'));
    expect((await first).value).toMatchObject({ ...partial(0, '1024x768'), created_at: expect.any(Number) });
    send(partial(1, 'huge'));
    send(completed);
    end();
    const rest = [];
    for await (const event of stream) rest.push(event);
    // A size that is none is that of the file.
    expect(rest).toMatchObject([{ size: '1x1', partial_image_index: 1 }, completed]);
  });

  it('closes the connection when the loop is left', async () => {
    const { asked, send, flux } = streamingServer();
    const stream = await flux.images.generate({ ...REQUEST, stream: true, partial_images: 2 });
    const first = stream.next();
    await expect.poll(() => asked.length).toBe(1);
    send(partial(0, '1024x768'));
    await first;
    expect(asked[0]!.signal.aborted).toBe(false);
    await stream.return();
    expect(asked[0]!.signal.aborted).toBe(true);
  });

  it('refuses addresses of pictures before anything is asked', async () => {
    const { asked, flux } = streamingServer();
    const error = await rejection(flux.images.generate({ ...REQUEST, stream: true, response_format: 'url' }));
    expect(isFluxError(error, 'input/conflict')).toBe(true);
    expect(asked).toEqual([]);
  });

  it('is what rough pictures for a callback are asked with', async () => {
    const { asked, send, end, flux } = streamingServer();
    const response = flux.images.generate({ ...REQUEST, partial_images: 1 }, { onPartialImage: () => undefined });
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]!.body).toMatchObject({ stream: true, partial_images: 1 });
    send(completed);
    end();
    expect((await response).data).toHaveLength(1);
  });
});

describe('createFluxSrpo', () => {
  it.each([
    ['no model', {}, 'model'],
    ['a model that is no URL', { model: 'https://' }, 'model'],
    ['a remote backend without a remote', { backend: 'remote' }, 'remote'],
    ['an unknown backend', { model: 'https://a/', backend: 'cuda' }, 'backend'],
    ['an unknown policy', { model: 'https://a/', fallback: 'always' }, 'fallback'],
    ['half a place in the queue', { model: 'https://a/', maxQueue: 0.5 }, 'maxQueue'],
    ['an option nobody knows', { model: 'https://a/', allowWasn: true }, 'allowWasn'],
    ['a switch that is a word', { model: 'https://a/', keep: 'no' }, 'keep'],
    ['no memory', { model: 'https://a/', memoryBudget: 0 }, 'memoryBudget'],
    ['no patience', { model: 'https://a/', stallTimeoutMs: 0 }, 'stallTimeoutMs'],
    ['a server without an address', { backend: 'remote', remote: {} }, 'remote.baseURL'],
    ['a server at no address', { model: 'https://a/', remote: { baseURL: 'ftp://a' } }, 'remote.baseURL'],
    [
      'a service nobody knows',
      { model: 'https://a/', remote: { baseURL: 'https://a', service: 'x' } },
      'remote.service',
    ],
    ['a key of two lines', { model: 'https://a/', remote: { baseURL: 'https://a', apiKey: 'a\nb' } }, 'remote.apiKey'],
    ['no bytes', { model: 'https://a/', remote: { baseURL: 'https://a', maxBytes: 0 } }, 'remote.maxBytes'],
  ])('refuses %s', (_what, options, field) => {
    let error: unknown;
    try {
      createFluxSrpo(options as FluxSrpoOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(isFluxError(error, 'input/') && error.details.field).toBe(field);
  });
});
