import { gzipSync } from 'node:zlib';
import { createLocalFetch, MAX_BODY_BYTES } from 'flux-srpo/fetch';
import { type ImageRequest, type ImageResponse, toHttpError } from 'flux-srpo/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenEngine, openEngine, tinyBundle } from '../support/engine.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { BAD_REQUESTS, GOOD_REQUEST } from './support/bad-requests.ts';
import { schemaErrors } from './support/schema.ts';

interface Refusal {
  status: number;
  body: unknown;
  retry: string | null;
  /** `Accept-Encoding`, which says what may be sent. */
  accepts: string | null;
}

let local: OpenEngine;
let server: RunningServer;

beforeAll(async () => {
  const files = await tinyBundle();
  [local, server] = await Promise.all([openEngine(files), startServer(files)]);
});

afterAll(async () => {
  await server?.stop();
  await local?.[Symbol.asyncDispose]();
});

async function byFunction(body: unknown): Promise<Refusal> {
  try {
    await local.engine.images.generate(body as ImageRequest);
  } catch (error) {
    const { status, headers, body } = toHttpError(error);
    return { status, body, retry: headers['x-should-retry'] ?? null, accepts: null };
  }
  throw new Error('the request was not refused');
}

async function byFetch(fetch: typeof globalThis.fetch, origin: string, init: RequestInit): Promise<Refusal> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  const response = await fetch(`${origin}/v1/images/generations`, { method: 'POST', ...init, headers });
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{24}$/);
  const { status, headers: answered } = response;
  const [retry, accepts] = [answered.get('x-should-retry'), answered.get('accept-encoding')];
  return { status, body: await response.json(), retry, accepts };
}

const locally = (init: RequestInit) => byFetch(createLocalFetch(local.engine), 'http://local', init);
const remotely = (init: RequestInit) => byFetch(fetch, server.url, init);

describe('a bad request is refused alike by the function call, the local fetch and the server', () => {
  it('in at least 120 ways, each of which the OpenAPI document refuses too where it can', () => {
    expect(BAD_REQUESTS.length).toBeGreaterThanOrEqual(120);
    expect(new Set(BAD_REQUESTS.map(({ name }) => name)).size).toBe(BAD_REQUESTS.length);
    const accepted = BAD_REQUESTS.filter(
      ({ json, isBeyondSchema }) => (schemaErrors('ImageRequest', JSON.parse(json)).length === 0) !== isBeyondSchema,
    );
    expect(accepted.map(({ name }) => name)).toEqual([]);
  });

  it.each(BAD_REQUESTS.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { json, status, type, param, code, isCallable } = row;
    const refused = await locally({ body: json });
    expect(refused).toEqual({
      status,
      body: { error: { message: expect.any(String), type, param, code } },
      retry: 'false',
      accepts: null,
    });
    expect(schemaErrors('Error', refused.body)).toEqual([]);
    expect(await remotely({ body: json })).toEqual(refused);
    if (!isCallable) expect(await byFunction(JSON.parse(json))).toEqual(refused);
  });
});

describe('a number that JSON.parse would round is refused as it was typed, by the local fetch and the server', () => {
  const spelled = (field: string) => `${JSON.stringify(GOOD_REQUEST).slice(0, -1)},${field}}`;

  // 2^53 + 1 is the first whole number that a double cannot hold.
  it.each([
    ['"seed":9007199254740993', 'seed', '9007199254740993'],
    ['"seed":9.007199254740993e15', 'seed', '9.007199254740993e15'],
    ['"seed":-9007199254740993', 'seed', '-9007199254740993'],
    ['"n":1.00000000000000001', 'n', '1.00000000000000001'],
    ['"image_size":{"width":48,"height":32.0000000000000001}', 'image_size.height', '32.0000000000000001'],
    [`"user":"{\\"${'\\\\'.repeat(2 ** 18)}","seed":9007199254740993`, 'seed', '9007199254740993'],
  ])('%.60s', async (text, param, typed) => {
    const message = `${param} must be a number that can be kept exactly, got ${typed}`;
    const error = { message, type: 'invalid_request_error', param, code: 'invalid_value' };
    const expected = { status: 400, body: { error }, retry: 'false', accepts: null };
    expect(await locally({ body: spelled(text) })).toEqual(expected);
    expect(await remotely({ body: spelled(text) })).toEqual(expected);
  });

  it.each([
    '"seed":7.0',
    '"seed":70e-1',
    '"seed":9007199254740991',
    '"user":"9007199254740993"',
    '"guidance_scale":3.1',
  ])('and one that is kept is not: %s', async (text) =>
    expect((await locally({ body: spelled(text) })).status).toBe(200),
  );
});

describe('what is no JSON is refused alike by the local fetch and the server', () => {
  const INVALID_JSON = { status: 400, code: 'invalid_json' };
  const INVALID_ENCODING = { status: 400, code: 'invalid_encoding' };
  const WITH_CAFE = JSON.stringify({ ...GOOD_REQUEST, prompt: 'a café at night' });
  interface Expected {
    status: number;
    code: string;
    /** The header of that name. */
    accepts?: string;
  }
  const cases: [string, RequestInit, Expected][] = [
    ['an empty body', { body: '' }, INVALID_JSON],
    ['half an object', { body: '{"model":' }, INVALID_JSON],
    ['NaN', { body: '{"seed":NaN}' }, INVALID_JSON],
    ['a comma too many', { body: '{"seed":7,}' }, INVALID_JSON],
    ['single quotes', { body: "{'seed':7}" }, INVALID_JSON],
    ['a number with a leading zero', { body: '{"seed":07}' }, INVALID_JSON],
    ['two values', { body: '{}{}' }, INVALID_JSON],
    ['a raw line break in a text', { body: '{"prompt":"a\nb"}' }, INVALID_JSON],
    ['bytes that are no UTF-8', { body: Uint8Array.of(0xff, 0xfe, 0x00, 0x80) }, INVALID_ENCODING],
    ['a prompt in Latin-1', { body: Buffer.from(WITH_CAFE, 'latin1') }, INVALID_ENCODING],
    ['a character that is cut at the end', { body: Buffer.from('{"prompt":"é').subarray(0, -1) }, INVALID_ENCODING],
    [
      'another charset',
      { body: WITH_CAFE, headers: { 'content-type': 'application/json; charset=ISO-8859-1' } },
      INVALID_ENCODING,
    ],
    [
      'another charset, in quotes',
      { body: WITH_CAFE, headers: { 'content-type': 'application/json;charset="utf-16le"' } },
      INVALID_ENCODING,
    ],
    ...['gzip', 'br', 'zstd', 'gzip, identity'].map((encoding): [string, RequestInit, Expected] => [
      `a body compressed with ${encoding}`,
      { body: gzipSync(WITH_CAFE), headers: { 'content-encoding': encoding } },
      { status: 415, code: 'unsupported_content_encoding', accepts: 'identity' },
    ]),
    [
      'plain text',
      { body: '{}', headers: { 'content-type': 'text/plain' } },
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'a form',
      { body: 'prompt=fox', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'a type that only starts like JSON',
      { body: '{}', headers: { 'content-type': 'application/json5' } },
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'a body of more than a mebibyte',
      { body: ' '.repeat(MAX_BODY_BYTES + 1) },
      { status: 413, code: 'request_too_large' },
    ],
    ['a body of eight mebibytes', { body: ' '.repeat(8 * MAX_BODY_BYTES) }, { status: 413, code: 'request_too_large' }],
  ];

  it.each(cases)('%s', async (_, init, { status, code, accepts = null }) => {
    const expected = {
      status,
      body: { error: { message: expect.any(String), type: 'invalid_request_error', param: null, code } },
      retry: 'false',
      accepts,
    };
    expect(await locally(init)).toEqual(expected);
    expect(await remotely(init)).toEqual(expected);
  });
});

describe('what JSON cannot say is refused by the function call', () => {
  const throwing = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no');
      },
    },
  );
  const cyclic: Record<string, unknown> = { width: 48 };
  cyclic.height = cyclic;
  const cases: [string, unknown, string | null, string][] = [
    ['nothing at all', undefined, null, 'invalid_type'],
    ['a function', () => GOOD_REQUEST, null, 'invalid_type'],
    ['a symbol', Symbol('request'), null, 'invalid_type'],
    ['an object that cannot be read', throwing, null, 'invalid_type'],
    [
      'a field that throws',
      {
        ...GOOD_REQUEST,
        get seed() {
          throw new Error('no');
        },
      },
      null,
      'invalid_type',
    ],
    ['NaN steps', { ...GOOD_REQUEST, num_inference_steps: Number.NaN }, 'num_inference_steps', 'invalid_value'],
    ['NaN guidance', { ...GOOD_REQUEST, guidance_scale: Number.NaN }, 'guidance_scale', 'invalid_value'],
    ['an infinite seed', { ...GOOD_REQUEST, seed: Number.POSITIVE_INFINITY }, 'seed', 'invalid_value'],
    ['a BigInt seed', { ...GOOD_REQUEST, seed: 7n }, 'seed', 'invalid_type'],
    ['a String object', { ...GOOD_REQUEST, prompt: new String('a fox') }, 'prompt', 'invalid_type'],
    ['a date', { ...GOOD_REQUEST, n: new Date() }, 'n', 'invalid_type'],
    ['a symbol as size', { ...GOOD_REQUEST, size: Symbol('square') }, 'size', 'invalid_type'],
    [
      'a size that contains itself',
      { ...GOOD_REQUEST, size: undefined, image_size: cyclic },
      'image_size.height',
      'invalid_type',
    ],
    ['a Map', new Map(Object.entries(GOOD_REQUEST)), 'prompt', 'missing_required_parameter'],
  ];

  it.each(cases)('%s', async (_, body, param, code) => {
    const { status, body: answer } = await byFunction(body);
    expect(status).toBe(400);
    expect(answer).toMatchObject({ error: { type: 'invalid_request_error', code } });
    expect(answer).toMatchObject({ error: { param } });
  });
});

describe('what clients send, and no more than that, is understood', () => {
  const { size: _size, output_format: _format, ...SMALL_REQUEST } = GOOD_REQUEST;
  const NULLS = { n: null, size: null, quality: null, response_format: null, user: null, negative_prompt: null };
  const WITH_NULLS = { ...SMALL_REQUEST, ...NULLS, image_size: { width: 48, height: 32 } };

  it('null in an optional field, by every way in, as if it were not there', async () => {
    const { data, seed, warnings } = await local.engine.images.generate(WITH_NULLS);
    expect([data.length, seed, warnings]).toEqual([1, 7, []]);
    for (const send of [locally, remotely]) {
      const { status, body } = await send({ body: JSON.stringify(WITH_NULLS) });
      expect([status, body]).toMatchObject([200, { seed: 7, warnings: [] }]);
      expect(Object.keys((body as ImageResponse).data[0]!)).toEqual(['url']);
      expect(schemaErrors('ImageResponse', body)).toEqual([]);
    }
    expect(schemaErrors('ImageRequest', WITH_NULLS)).toEqual([]);
  });

  it.each([
    { 'content-type': 'application/json; charset=utf-8' },
    { 'content-type': 'Application/JSON;charset="UTF-8"' },
    { 'content-encoding': 'identity' },
  ])('the headers %j', async (headers) => {
    for (const send of [locally, remotely]) {
      expect((await send({ body: JSON.stringify(GOOD_REQUEST), headers })).status).toBe(200);
    }
  });

  it('guidance for a model that takes none, which is said', async () => {
    await using without = await openEngine(await tinyBundle('b-2x64'));
    const { model: _, ...request } = GOOD_REQUEST;
    const response = await without.engine.images.generate({ ...request, guidance_scale: 9 } as ImageRequest);
    expect(response.warnings.map(({ field }) => field)).toEqual(['guidance_scale']);
    const silent = await without.engine.images.generate(request as ImageRequest);
    expect(silent.warnings).toEqual([]);
  });

  it('a function call without a model, which draws with the model of the client', async () => {
    const { model, ...call } = GOOD_REQUEST;
    const [named, own] = await Promise.all([
      local.engine.images.generate(GOOD_REQUEST as ImageRequest),
      local.engine.images.generate(call as ImageRequest),
    ]);
    expect(own.model).toBe(model);
    expect(own.data).toEqual(named.data);
  });
});

describe('after all that', () => {
  it('each way in still draws the same picture, and the server has nothing to complain of', async () => {
    const expected = (await local.engine.images.generate(GOOD_REQUEST as ImageRequest)).data[0]?.b64_json;
    for (const [send, origin] of [
      [createLocalFetch(local.engine), 'http://local'],
      [fetch, server.url],
    ] as const) {
      const response = await send(`${origin}/v1/images/generations`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(GOOD_REQUEST),
      });
      expect((await response.json()).data[0].b64_json).toBe(expected);
    }
    // Lines at the start say where it computes, and how much memory it plans for.
    expect(server.stderr()).toMatch(/^(computes on [^\n]*\n)?(plans for [^\n]*\n)?$/);
  });
});
