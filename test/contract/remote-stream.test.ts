import { setTimeout as sleep } from 'node:timers/promises';
import { createApp, type Listening, listen, MemoryPictures } from '@flux-srpo/cli';
import { isFluxError } from '@flux-srpo/core';
import type { ErrorCode, ImageRequest } from 'flux-srpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRemote, type RemoteOptions, type StreamedPartial } from '../../packages/images/src/remote/index.ts';
import { type OpenEngine, openEngine, SMALL, tinyBundle } from '../support/engine.ts';
import { CANARY, PNG } from './support/remote-hostile.ts';
import { type Limit, limitedBy, PATIENT } from './support/remote-limits.ts';
import { type Behave, raw, repeat, startServer } from './support/remote-server.ts';

const MAX_BYTES = 2 ** 20;
const REQUEST: ImageRequest = { model: SMALL.model, prompt: 'a red ball', stream: true, partial_images: 2 };

const partial = (index: number, fields: object = {}) => ({
  type: 'image_generation.partial_image',
  b64_json: PNG,
  created_at: 1,
  partial_image_index: index,
  ...fields,
});
const completed = (fields: object = {}) => ({
  type: 'image_generation.completed',
  b64_json: PNG,
  created_at: 1763850000,
  ...fields,
});
const encode = (event: unknown, name = (event as { type?: string }).type ?? 'error') =>
  `event: ${name}\ndata: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
/** Answers with this text and ends the connection properly. */
const streams =
  (...events: (string | object)[]): Behave =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.end(events.map((event) => (typeof event === 'string' ? event : encode(event))).join(''));
  };

function connect(server: { baseURL: string }, options: Partial<RemoteOptions> = {}) {
  return createRemote({ baseURL: server.baseURL, timeouts: PATIENT, maxBytes: MAX_BYTES, ...options });
}

async function collect(behave: Behave, request: Partial<ImageRequest> = {}, options: Partial<RemoteOptions> = {}) {
  await using server = await startServer(behave);
  const partials: StreamedPartial[] = [];
  const onPartial = (picture: StreamedPartial) => partials.push(picture);
  const response = await connect(server, options).generate({ ...REQUEST, ...request }, { onPartial });
  return { response, partials, sent: JSON.parse(server.requests[0]!.body), headers: server.requests[0]!.headers };
}

describe('a streamed request', () => {
  it('asks for events, and gives rough pictures on the way and the picture as it is wanted', async () => {
    const { response, partials, sent, headers } = await collect(
      streams(': hello\n\n', partial(0), partial(1), completed({ seed: 7 })),
    );
    expect(sent).toMatchObject({ stream: true, partial_images: 2, output_format: 'b64_json' });
    expect(headers.accept).toContain('text/event-stream');
    expect(partials).toEqual([0, 1].map((index) => ({ image: 0, index, base64: PNG })));
    expect(response).toMatchObject({ created: 1763850000, seed: 7, backend: 'remote', warnings: [] });
    expect(response.data).toStrictEqual([{ url: `data:image/png;base64,${PNG}` }]);
  });

  it('is in OpenAI’s words for their service, and refused for those whose answers come whole', async () => {
    const { sent } = await collect(streams(completed()), {}, { service: 'openai' });
    expect(sent).toMatchObject({ stream: true, partial_images: 2 });
    for (const service of ['localai', 'vllm-omni', 'sd-server', 'fal'] as const) {
      const remote = createRemote({ baseURL: 'http://127.0.0.1:9', service });
      await expect(remote.generate(REQUEST)).rejects.toMatchObject({
        code: 'input/field-unsupported',
        details: { field: 'stream' },
      });
    }
  });

  it.each<[string, (text: string) => string]>([
    ['carriage returns', (text) => text.replaceAll('\n', '\r')],
    ['both', (text) => text.replaceAll('\n', '\r\n')],
    ['no event names', (text) => text.replaceAll(/event: .*\n/g, '')],
    ['no blank after the colon', (text) => text.replaceAll(': ', ':')],
    ['a byte order mark, comments, ids and times', (text) => `\ufeff: x\nid: 1\nretry: 5\n\n${text}: end\n\n`],
    ['data on two lines', (text) => text.replaceAll(',"created_at"', '\ndata: ,"created_at"')],
    ['an event of a later version', (text) => `${encode({ type: 'image_generation.queued' })}${text}`],
    ['[DONE] at the end', (text) => `${text}data: [DONE]\n\n`],
  ])('understands lines ended by or with %s, a byte at a time', async (_, spell) => {
    const text = Buffer.from(spell(encode(partial(0)) + encode(completed())));
    const { response, partials } = await collect(async (response_) => {
      const socket = raw(response_, HEAD);
      for (let i = 0; i < text.length; i += 97) {
        socket.write(text.subarray(i, i + 97));
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.end();
    });
    expect([partials.length, response.data.length]).toEqual([1, 1]);
  });

  it('does not wait for the end of a connection that the service keeps', async () => {
    const { response } = await collect((response_) => raw(response_, HEAD, encode(completed())));
    expect(response.data).toHaveLength(1);
  });

  it('sorts the pictures of a batch, and says when some did not come', async () => {
    const two = streams(completed({ image_index: 2, seed: 9 }), completed({ image_index: 0, has_nsfw_concept: true }));
    const { response } = await collect(two, { n: 3 });
    expect(response.has_nsfw_concepts).toEqual([true, false]);
    expect(response.data.map(({ url }) => url !== undefined)).toEqual([false, true]);
    expect(response.warnings).toEqual([{ field: 'n', reason: 'the service made 2 of 3 pictures' }]);
  });

  it('keeps a flag with its picture where one before it did not come', async () => {
    const two = streams(completed({ image_index: 0 }), completed({ image_index: 2, has_nsfw_concept: true }));
    const { response } = await collect(two, { n: 3 });
    expect(response.has_nsfw_concepts).toEqual([false, true]);
    expect(response.data.map(({ url }) => url !== undefined)).toEqual([true, false]);
  });

  it('takes a whole answer from a service that does not stream, and says so', async () => {
    const { response } = await collect((response_) => {
      response_.writeHead(200, { 'content-type': 'application/json' });
      response_.end(JSON.stringify({ created: 1, data: [{ b64_json: PNG }] }));
    });
    expect(response.warnings.map(({ field }) => field)).toEqual(['stream']);
  });

  it('hands on what the service warns of', async () => {
    const warnings = [{ field: 'prompt', reason: 'too long' }, { field: 7 }, 'x'];
    expect((await collect(streams(completed({ warnings })))).response.warnings).toEqual(warnings.slice(0, 1));
  });
});

const HOSTILE: [name: string, behave: Behave, code: ErrorCode, request?: Partial<ImageRequest>, limit?: Limit][] = [
  ['ends without a picture', streams(partial(0)), 'network/response-invalid'],
  ['ends with nothing', streams(''), 'network/response-invalid'],
  ['ends in the middle of an event', streams(encode(completed()).slice(0, -1)), 'network/response-invalid'],
  [
    'sends the picture before its rough one',
    streams(completed({ image_index: 0 }), partial(0)),
    'network/response-invalid',
    { n: 2 },
  ],
  ['sends rough pictures in another order', streams(partial(1), partial(0), completed()), 'network/response-invalid'],
  ['sends the same rough picture twice', streams(partial(0), partial(0), completed()), 'network/response-invalid'],
  [
    'sends more rough pictures than wanted',
    streams(partial(0), partial(1), partial(2), completed()),
    'network/response-invalid',
  ],
  [
    'sends rough pictures that are not wanted',
    streams(partial(0), completed()),
    'network/response-invalid',
    { partial_images: 0 },
  ],
  [
    'shows a picture before it is checked',
    streams(partial(0), completed()),
    'network/response-invalid',
    { enable_safety_checker: true },
  ],
  [
    'sends a picture twice',
    streams(completed({ image_index: 0 }), completed({ image_index: 0 })),
    'network/response-invalid',
    { n: 2 },
  ],
  ['sends a picture of another batch', streams(completed({ image_index: 1 })), 'network/response-invalid'],
  ['says image_index: "0"', streams(completed({ image_index: '0' })), 'network/response-invalid'],
  [
    'calls a picture a rough one',
    streams(encode(completed(), 'image_generation.partial_image')),
    'network/response-invalid',
  ],
  ['sends base64 of a page', streams(completed({ b64_json: btoa('<html>') })), 'network/response-invalid'],
  ['sends no base64', streams(completed({ b64_json: undefined })), 'network/response-invalid'],
  [
    'sends a rough picture that is a JPEG',
    streams(partial(0, { b64_json: '/9j/4AAQ' }), completed()),
    'network/response-invalid',
  ],
  ['sends an event that is no JSON', streams('data: {"type":\n\n'), 'network/response-invalid'],
  ['sends an event that is a number', streams('data: 7\n\n'), 'network/response-invalid'],
  ['sends an event that is null', streams('data: null\n\n'), 'network/response-invalid'],
  [
    'hides its type in a prototype',
    streams('data: {"__proto__":{"type":"image_generation.completed"}}\n\n'),
    'network/response-invalid',
  ],
  [
    'sends other bytes than UTF-8',
    (response) => raw(response, HEAD, Buffer.from([0x64, 0xff, 0xfe, 0x0a])).end(),
    'network/response-invalid',
  ],
  [
    'sends one line without end',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return repeat(response, `data: ${'a'.repeat(2 ** 16)}`);
    },
    'network/response-invalid',
  ],
  [
    'sends comments without end',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return repeat(response, `: ${'a'.repeat(2 ** 15)}\n`);
    },
    'network/response-invalid',
  ],
  [
    'sends empty events without end',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return repeat(response, 'data: {}\n\n'.repeat(2 ** 12));
    },
    'network/response-invalid',
  ],
  ['hangs before the first event', (response) => raw(response, HEAD), 'network/timeout', {}, 'stall'],
  [
    'hangs after a rough picture',
    (response) => raw(response, HEAD, encode(partial(0))),
    'network/timeout',
    {},
    'stall',
  ],
  [
    'drips comments without end',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      return repeat(response, ': keep-alive\n\n', 20);
    },
    'network/timeout',
    {},
    'total',
  ],
  [
    'cuts the connection after a rough picture',
    async (response) => {
      const socket = raw(
        response,
        HEAD.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n'),
        '8\r\n: hello\n\r\n',
      );
      // A reset takes with it what the other end has not read.
      await sleep(500);
      socket.resetAndDestroy();
    },
    'network/truncated',
  ],
  [
    'says that it failed',
    streams(partial(0), { error: { message: `no memory for ${CANARY}`, code: 'out_of_memory', type: 'server_error' } }),
    'device/out-of-memory',
  ],
  [
    'says that it refused',
    streams({ error: { message: 'no', code: 'content_policy_violation' } }),
    'input/content-policy',
  ],
  ['says that it failed, under another name', streams(encode({ type: 'error', message: 'no' })), 'network/status'],
];

describe('a hostile stream', () => {
  it.each(HOSTILE)('that %s is a typed error, without a second POST', async (_, behave, code, request, limit) => {
    await using server = await startServer(behave);
    const error = await connect(server, { apiKey: CANARY, timeouts: limitedBy(limit) })
      .generate({ ...REQUEST, ...request })
      .then(
        () => expect.unreachable('expected an error, got a picture'),
        (thrown: unknown) => thrown,
      );
    expect(isFluxError(error), String(error)).toBe(true);
    expect(error).toMatchObject({ code, details: { posts: 1 } });
    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify([error, String(error)])).not.toContain(CANARY.slice(7));
  });

  it('ends for a caller that aborts, and the connection with it', async () => {
    await using server = await startServer((response) => raw(response, HEAD, encode(partial(0))));
    const controller = new AbortController();
    const pending = connect(server, { timeouts: {} }).generate(REQUEST, {
      signal: controller.signal,
      onPartial: () => controller.abort('enough'),
    });
    await expect(pending).rejects.toBe('enough');
    await expect.poll(() => server.openRequests()).toBe(0);
  });
});

describe('streamed from serve', () => {
  let opened: OpenEngine;
  let server: Listening;
  beforeAll(async () => {
    opened = await openEngine(await tinyBundle());
    server = await listen(createApp({ engine: opened.engine, images: new MemoryPictures() }), '127.0.0.1', 0);
  });
  afterAll(async () => {
    await server?.close();
    await opened?.[Symbol.asyncDispose]();
  });

  it('comes the same picture as whole, behind the rough pictures asked for', async () => {
    const remote = createRemote({ baseURL: server.url });
    const request = { ...SMALL, seed: 7, n: 2, num_inference_steps: 4, response_format: 'b64_json' } as const;
    const whole = await remote.generate(request);
    const partials: string[] = [];
    const streamed = await remote.generate(
      { ...request, stream: true, partial_images: 3 },
      { onPartial: ({ image, index }) => partials.push(`${image}.${index}`) },
    );
    expect(streamed.data).toEqual(whole.data);
    expect(streamed.seed).toBe(7);
    expect(partials).toEqual(['0.0', '1.0', '0.1', '1.1', '0.2', '1.2']);
  });

  it('come the models that it has', async () => {
    expect(await createRemote({ baseURL: server.url }).models()).toEqual([SMALL.model]);
    await expect(createRemote({ baseURL: 'http://127.0.0.1:9', service: 'fal' }).models()).rejects.toMatchObject({
      code: 'input/conflict',
    });
  });
});
