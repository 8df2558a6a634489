import { InferenceError } from '@flux-srpo/core';
import { createLocalFetch, type ImageEngine } from 'flux-srpo/fetch';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type OpenEngine, openEngine, SMALL, tinyBundle } from '../support/engine.ts';
import { schemaErrors } from './support/schema.ts';

// Oracle: the openai package, unmodified. It makes its own errors and events of what it receives.

let local: OpenEngine;
let openai: OpenAI;

const client = (engine: ImageEngine, options: object = {}) =>
  new OpenAI({ fetch: createLocalFetch(engine), baseURL: 'http://local/v1', apiKey: 'none', ...options });
const body = (fields: object = {}) =>
  ({ ...SMALL, seed: 7, ...fields }) as unknown as OpenAI.ImageGenerateParamsNonStreaming;
/** Far longer than any test waits. */
const ENDLESS = { num_inference_steps: 1000, size: '256x256' };
const streamed = (fields: object = {}) =>
  ({ ...SMALL, seed: 7, stream: true, ...fields }) as unknown as OpenAI.ImageGenerateParamsStreaming;

/** The engine, which fails with this error at a chosen place. */
function failing(error: unknown, afterPartials: boolean): ImageEngine {
  return {
    load: () => local.engine.load(),
    images: {
      async generate(request, options) {
        if (afterPartials) await local.engine.images.generate(request, options);
        throw error;
      },
    },
  };
}

beforeAll(async () => {
  local = await openEngine(await tinyBundle(), 1);
  openai = client(local.engine);
});

afterAll(() => local?.[Symbol.asyncDispose]());

describe('the openai package on createLocalFetch', () => {
  it('lists and retrieves the model', async () => {
    const { data, object } = await openai.models.list();
    expect(schemaErrors('ModelList', { data, object })).toEqual([]);
    expect(data.map(({ id }) => id)).toEqual([SMALL.model]);
    expect(schemaErrors('Model', await openai.models.retrieve(SMALL.model))).toEqual([]);
    await expect(openai.models.retrieve('gpt-image-1')).rejects.toThrow(OpenAI.NotFoundError);
  });

  it('throws its own errors, with the field and the code', async () => {
    await expect(openai.images.generate(body({ n: 0 }))).rejects.toMatchObject({
      constructor: OpenAI.BadRequestError,
      status: 400,
      type: 'invalid_request_error',
      param: 'n',
      code: 'invalid_value',
      requestID: expect.stringMatching(/^req_/),
    });
    await expect(openai.images.generate(body({ model: 'gpt-image-1' }))).rejects.toThrow(OpenAI.NotFoundError);
  });

  it('takes what OpenAI takes without effect, and says so', async () => {
    const response = await openai.images.generate(
      body({
        quality: 'high',
        user: 'me',
        moderation: 'low',
        background: 'auto',
        output_format: 'png',
        response_format: 'b64_json',
      }),
    );
    expect(response.data?.[0]?.b64_json).toMatch(/^iVBOR/);
    const { warnings } = response as unknown as { warnings: { field: string }[] };
    expect(warnings.map(({ field }) => field).sort()).toEqual(['background', 'moderation', 'quality', 'user']);
  });

  it('does not repeat a request that a second try cannot help', async () => {
    let calls = 0;
    const engine = failing(
      new InferenceError('the picture is not finite', { code: 'inference/output-invalid' }),
      false,
    );
    const counted: ImageEngine = {
      ...engine,
      images: {
        generate(...args) {
          calls++;
          return engine.images.generate(...args);
        },
      },
    };
    await expect(client(counted, { maxRetries: 5 }).images.generate(body())).rejects.toMatchObject({
      status: 500,
      code: 'numerical_error',
    });
    expect(calls).toBe(1);
  });

  it('stops at an abort, and the next request works', async () => {
    const controller = new AbortController();
    const request = openai.images.generate(body(ENDLESS), { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(request).rejects.toThrow(OpenAI.APIUserAbortError);
    expect((await openai.images.generate(body())).data).toHaveLength(1);
    expect(local.engine.queue).toMatchObject({ running: 0, waiting: 0 });
  });

  it('is told that the queue is full, and tries again as it was told to', async () => {
    const slow = new AbortController();
    const pending = [1, 2].map(() => openai.images.generate(body(ENDLESS), { signal: slow.signal }));
    const outcomes = Promise.allSettled(pending);
    await expect.poll(() => local.engine.queue.waiting).toBe(1);
    await expect(client(local.engine, { maxRetries: 0 }).images.generate(body())).rejects.toMatchObject({
      constructor: OpenAI.RateLimitError,
      code: 'queue_full',
      type: 'rate_limit_error',
    });
    slow.abort();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await openai.images.generate(body())).data).toHaveLength(1);
  });
});

describe('the openai package, streaming on createLocalFetch', () => {
  it('sends evenly spread rough pictures, then the picture', async () => {
    const events: OpenAI.ImageGenStreamEvent[] = [];
    for await (const event of await openai.images.generate(streamed({ num_inference_steps: 8, partial_images: 3 }))) {
      events.push(event);
    }
    expect(events.flatMap((event) => schemaErrors('ImageEvent', event))).toEqual([]);
    expect(events.map((event) => ('partial_image_index' in event ? event.partial_image_index : 'done'))).toEqual([
      0,
      1,
      2,
      'done',
    ]);
  });

  it('sends the picture alone where no rough ones are asked for', async () => {
    const types: string[] = [];
    for await (const { type } of await openai.images.generate(streamed())) types.push(type);
    expect(types).toEqual(['image_generation.completed']);
  });

  it('refuses a bad request before the stream begins', async () => {
    await expect(openai.images.generate(streamed({ n: 0 }))).rejects.toMatchObject({ status: 400, param: 'n' });
    await expect(openai.images.generate(streamed({ output_format: 'url' }))).rejects.toMatchObject({
      status: 400,
      code: 'conflicting_parameters',
    });
    await expect(openai.images.generate(streamed({ model: 'other' }))).rejects.toMatchObject({ status: 404 });
  });

  it('throws what fails after the stream has begun', async () => {
    const error = new InferenceError('the picture is not finite', { code: 'inference/output-invalid' });
    const stream = await client(failing(error, true)).images.generate(streamed({ partial_images: 1 }));
    const types: string[] = [];
    const read = async () => {
      for await (const { type } of stream) types.push(type);
    };
    await expect(read()).rejects.toMatchObject({ code: 'numerical_error', type: 'server_error' });
    expect(types).toEqual(['image_generation.partial_image']);
  });

  it('stops drawing when nobody reads on', async () => {
    let step = 0;
    const watched: ImageEngine = {
      load: () => local.engine.load(),
      images: {
        generate: (request, options) =>
          local.engine.images.generate(request, {
            ...options,
            onProgress: (progress) => {
              options?.onProgress?.(progress);
              if (progress.stage === 'denoise') step = progress.step;
            },
          }),
      },
    };
    const stream = await client(watched).images.generate(streamed({ num_inference_steps: 100, partial_images: 3 }));
    for await (const event of stream) if (event.type === 'image_generation.partial_image') break;
    await expect.poll(() => local.engine.queue.running).toBe(0);
    // The first of three rough pictures comes after a quarter of the steps.
    expect(step).toBeGreaterThanOrEqual(24);
    expect(step).toBeLessThan(50);
  });
});

describe('createLocalFetch', () => {
  it('passes on what is not the endpoint, untouched', async () => {
    const seen: unknown[][] = [];
    const other: typeof fetch = async (...args) => {
      seen.push(args);
      return new Response('other');
    };
    const localFetch = createLocalFetch(local.engine, { fetch: other });
    const request = new Request('http://local/v1/chat/completions', { method: 'POST', body: 'hello' });
    const calls: Parameters<typeof fetch>[] = [
      [request],
      ['http://local/v1/images/generations'],
      ['http://local/v1/images/edits', { method: 'POST', body: '{}' }],
      [new URL('http://local/v1/modelsx')],
      ['http://local/v1/models', { method: 'DELETE' }],
      ['not an address'],
    ];
    for (const call of calls) expect(await (await localFetch(...call)).text()).toBe('other');
    expect(seen.map(([input]) => input)).toEqual(calls.map(([input]) => input));
    expect(await request.text()).toBe('hello');
  });

  it('takes a Request, a URL and a text alike, below any path', async () => {
    const localFetch = createLocalFetch(local.engine);
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body({ output_format: 'b64_json' })),
    };
    const url = 'https://images.example/some/where/v1/images/generations?x=1';
    const pictures: string[] = [];
    for (const input of [new Request(url, init), new URL(url), url]) {
      const response = await localFetch(input, input instanceof Request ? undefined : init);
      pictures.push((await response.json()).data[0].b64_json);
    }
    expect(new Set(pictures).size).toBe(1);
  });

  it('reads a request that has no body to stream, as those of Firefox', async () => {
    const streaming = Object.getOwnPropertyDescriptor(Request.prototype, 'body')!;
    const { data: expected } = await openai.images.generate(body({ output_format: 'b64_json' }));
    Reflect.deleteProperty(Request.prototype, 'body');
    try {
      const { data } = await openai.images.generate(body({ output_format: 'b64_json' }));
      expect(data).toEqual(expected);
      const tooLong = openai.images.generate(body({ prompt: 'x'.repeat(1024 * 1024) }));
      await expect(tooLong).rejects.toMatchObject({ status: 413 });
    } finally {
      Object.defineProperty(Request.prototype, 'body', streaming);
    }
  });

  it('logs an error of its own, of which the answer says nothing', async () => {
    const bug = new TypeError('a secret of ours');
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    try {
      const response = await createLocalFetch({ ...failing(bug, false), load: () => Promise.reject(bug) })(
        'http://local/v1/models',
      );
      expect([response.status, await response.text()]).toEqual([500, expect.not.stringContaining('secret')]);
      expect(log.mock.calls).toEqual([[response.headers.get('x-request-id'), bug]]);
      // What the caller got wrong, the caller is told.
      await expect(openai.images.generate(body({ n: 0 }))).rejects.toThrow(OpenAI.BadRequestError);
      expect(log).toHaveBeenCalledOnce();
    } finally {
      log.mockRestore();
    }
  });

  it('rejects with the reason of a signal that was aborted before', async () => {
    const reason = new Error('changed my mind');
    const call = createLocalFetch(local.engine)('http://local/v1/models', { signal: AbortSignal.abort(reason) });
    await expect(call).rejects.toBe(reason);
  });

  it('gives blob addresses that can be fetched', async () => {
    const { data } = await openai.images.generate(body());
    const png = new Uint8Array(await (await fetch(data?.[0]?.url as string)).arrayBuffer());
    expect([...png.subarray(1, 4)]).toEqual([...'PNG'].map((char) => char.charCodeAt(0)));
  });
});
