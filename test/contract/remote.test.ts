import { once } from 'node:events';
import { inspect } from 'node:util';
import { isFluxError, toWireError } from '@flux-srpo/core';
import { createFluxSrpo, type ImageRequest, type RequestWarning } from 'flux-srpo';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRemote, type RemoteOptions } from '../../packages/images/src/remote/index.ts';
import { CANARY, HOSTILE, type HostileRemote, OK, PNG } from './support/remote-hostile.ts';
import { limitedBy, PATIENT } from './support/remote-limits.ts';
import { json, raw, startServer } from './support/remote-server.ts';

const REQUEST: ImageRequest = { model: 'flux-srpo-text-to-image', prompt: 'a red ball', output_format: 'b64_json' };

const MAX_BYTES = 2 ** 20;

/** Bytes that the operating system may hold of a connection that nobody reads any more. */
const SOCKET_BUFFERS = 16 * 2 ** 20;

function connect(server: { baseURL: string }, options: Partial<RemoteOptions> = {}) {
  return createRemote({
    baseURL: server.baseURL,
    apiKey: CANARY,
    timeouts: PATIENT,
    maxBytes: MAX_BYTES,
    ...options,
  });
}

const connectHostile = (server: { baseURL: string }, { limit, options }: HostileRemote, more = {}) =>
  connect(server, { timeouts: limitedBy(limit), ...more, ...options });

async function caught(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, got none');
}

/** All text that a log, a crash reporter or a worker boundary could take from an error. */
function everythingIn(error: unknown): string {
  return [
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    JSON.stringify(error),
    JSON.stringify(toWireError(error)),
    String(error),
    (error as Error).stack,
  ].join('\n');
}

/** Any stretch of eight characters of the key gives it away. */
function expectNoKey(text: string): void {
  const secret = CANARY.slice('Bearer '.length);
  for (let i = 0; i + 8 <= secret.length; i++) expect(text).not.toContain(secret.slice(i, i + 8));
}

/** A fetch that counts the decoded bytes that are read through it. */
function countingFetch(): { fetch: typeof fetch; bytes(): number } {
  let bytes = 0;
  return {
    bytes: () => bytes,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const reader = response.body?.getReader();
      if (reader === undefined) return response;
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await reader.read();
            if (done) return controller.close();
            bytes += value.byteLength;
            controller.enqueue(value);
          },
          cancel: (reason) => reader.cancel(reason),
        },
        { highWaterMark: 0 },
      );
      return new Response(body, response);
    },
  };
}

// The first request loads the whole client, which on a busy machine takes longer than these
// timeouts.
beforeAll(async () => {
  await using server = await startServer((response) => json(response, OK));
  await connect(server, { timeouts: {} }).generate(REQUEST);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a hostile remote', () => {
  it('comes in at least 40 kinds', () => {
    expect(new Set(HOSTILE.map(({ name }) => name)).size).toBe(HOSTILE.length);
    expect(HOSTILE.length).toBeGreaterThanOrEqual(40);
  });

  it.each(HOSTILE)('that $name gives $code, in bounded memory, without a second POST', async (remote) => {
    await using server = await startServer(remote.behave);
    const counter = countingFetch();
    const error = await caught(() => connectHostile(server, remote, { fetch: counter.fetch }).generate(REQUEST));

    expect(isFluxError(error), String(error)).toBe(true);
    expect(error).toMatchObject({
      code: remote.code,
      details: { ...remote.details, posts: remote.posts ?? 1, url: expect.stringContaining(server.baseURL) },
    });
    if (remote.code === 'network/timeout' && remote.limit !== undefined)
      expect(error).toMatchObject({ details: { limit: remote.limit } });
    expect(server.requests.map(({ method }) => method)).toEqual(Array(remote.posts ?? 1).fill('POST'));
    // The cap and one piece of the stream. Pieces of decompressed data are 16 to 64 KiB.
    expect(counter.bytes()).toBeLessThanOrEqual(MAX_BYTES + 2 ** 17);
    expect(server.bytesSent()).toBeLessThanOrEqual(MAX_BYTES + SOCKET_BUFFERS);
    expectNoKey(everythingIn(error));
    const { snippet = '' } = (error as { details: { snippet?: string } }).details;
    expect(snippet.length).toBeLessThanOrEqual(200);
    expect(snippet).not.toMatch(/[<>\n]/);
  });

  it('takes no more memory than the cap allows, where a gigabyte would fit into the answer', async () => {
    const remote = HOSTILE.find(({ name }) => name === 'sends without end');
    await using server = await startServer(remote!.behave);
    const before = process.memoryUsage().rss;
    await caught(() => connect(server).generate(REQUEST));
    // Both ends are in this process: the cap as bytes and as text, the connection's buffers, and
    // garbage that is not collected yet.
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 2 ** 20);
  });

  it('that cannot be reached is network/unreachable, and is not tried again', async () => {
    const server = await startServer(() => undefined);
    await server[Symbol.asyncDispose]();
    let calls = 0;
    const error = await caught(() =>
      connect(server, {
        fetch: (input, init) => {
          calls++;
          return fetch(input, init);
        },
      }).generate(REQUEST),
    );
    expect(error).toMatchObject({ code: 'network/unreachable', details: { posts: 1, reason: 'ECONNREFUSED' } });
    expect(calls).toBe(1);
    expectNoKey(everythingIn(error));
  });

  it.each([301, 302, 303, 307, 308])('that redirects to another origin with %i leads nowhere', async (status) => {
    await using other = await startServer((response) => json(response, OK));
    await using server = await startServer((response) =>
      response.writeHead(status, { location: `${other.baseURL}/` }).end(),
    );
    const error = await caught(() => connect(server).generate(REQUEST));
    expect(error).toMatchObject({ code: 'network/unreachable' });
    expect(server.requests).toHaveLength(1);
    expect(other.requests).toHaveLength(0);
  });

  it('is left by every connection once the error is out', async () => {
    const endless = HOSTILE.filter(({ name }) => /hangs|drips|without end|endless|ten gigabytes/.test(name));
    expect(endless.length).toBeGreaterThan(7);
    await Promise.all(
      endless.map(async (remote) => {
        await using server = await startServer(remote.behave);
        await caught(() => connectHostile(server, remote).generate(REQUEST));
        await expect.poll(() => server.openRequests(), { message: remote.name }).toBe(0);
      }),
    );
  });
});

describe('a remote that is only odd', () => {
  it.each([
    ['early hints before the answer', (body: string) => `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${head(body)}`],
    ['a byte order mark', (body: string) => head(`\ufeff${body}`)],
    ['no content-type', (body: string) => head(body).replace('Content-Type: application/json\r\n', '')],
    [
      'problem+json with a charset',
      (body: string) => head(body).replace('application/json', 'application/x+JSON; charset=utf-8'),
    ],
    ['an error beside the picture', (body: string) => head(`{"error":null,${body.slice(1)}`)],
    ['the same key twice, the last being right', (body: string) => head(`{"data":7,${body.slice(1)}`)],
    ['a fraction of a second', (body: string) => head(body.replace('1763850000', '1763850000.25'))],
    ['null for what it does not have', (body: string) => head(body.replaceAll('""', 'null'))],
  ])('is understood: %s', async (_, make) => {
    await using server = await startServer((response) => raw(response, make(JSON.stringify(OK))).end());
    const response = await connect(server).generate(REQUEST);
    expect(response.created).toBe(1763850000);
    expect(response.data).toStrictEqual([{ b64_json: PNG }]);
  });

  it('may make fewer pictures than asked for, which is said', async () => {
    await using server = await startServer((response) => json(response, OK));
    const { data, warnings } = await connect(server).generate({ ...REQUEST, n: 3 });
    expect(data).toHaveLength(1);
    expect(warnings).toEqual([{ field: 'n', reason: 'the service made 1 of 3 pictures' }]);
  });

  it('may withhold a picture that it flagged; one handed out all the same is withheld here', async () => {
    const data = [{ url: '', b64_json: '' }, OK.data[0], OK.data[0]];
    const flags = [true, true, false];
    await using server = await startServer((response) =>
      json(response, { created: 1, data, has_nsfw_concepts: flags }),
    );
    const response = await connect(server).generate({ ...REQUEST, n: 3, enable_safety_checker: true });
    expect(response.has_nsfw_concepts).toEqual(flags);
    expect(response.data).toStrictEqual([{}, {}, { b64_json: PNG }]);
  });
});

describe('a second POST', () => {
  it.each([429, 503])(
    'is made after %i with Retry-After, which says that the first was not accepted',
    async (status) => {
      await using server = await startServer((response, _, number) =>
        number < 3 ? json(response, {}, status, { 'retry-after': '0' }) : json(response, OK),
      );
      const response = await connect(server).generate(REQUEST);
      expect(response.data[0]?.b64_json).toBe(PNG);
      expect(server.requests).toHaveLength(3);
      expect(server.requests[2]?.body).toBe(server.requests[0]?.body);
    },
  );

  it('waits as long as the server wants, in seconds or until a date', async () => {
    const inASecond = new Date(Date.now() + 1000).toUTCString();
    for (const [retryAfter, atLeast] of [
      ['1', 990],
      [inASecond, 0],
    ] as const) {
      await using server = await startServer((response, _, number) =>
        number === 1 ? json(response, {}, 429, { 'retry-after': retryAfter }) : json(response, OK),
      );
      const start = performance.now();
      await connect(server).generate(REQUEST);
      expect(performance.now() - start).toBeGreaterThan(atLeast);
      expect(server.requests).toHaveLength(2);
    }
  });
});

describe('an AbortSignal', () => {
  const hang = () => undefined;
  const phases: [string, Partial<RemoteOptions>, Parameters<typeof startServer>[0]][] = [
    ['the key', { apiKey: () => new Promise<string>(() => undefined) }, hang],
    ['the headers', {}, hang],
    ['the body', {}, (response) => raw(response, 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{')],
    ['the body of an error', {}, (response) => raw(response, 'HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\n{')],
    [
      'the pause before another try',
      {},
      (response) => json(response, {}, 429, { 'retry-after': '20', connection: 'close' }),
    ],
    ['a fetch that does not listen', { fetch: () => new Promise<Response>(() => undefined) }, hang],
  ];

  it.each(phases)('ends the wait for %s with its reason, and closes the connection', async (_, options, behave) => {
    await using server = await startServer(behave);
    const controller = new AbortController();
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 150);
    const error = await caught(() => connect(server, options).generate(REQUEST, { signal: controller.signal }));
    // Not a limit's error.
    expect(error).toBe(reason);
    expect(server.requests.length).toBeLessThanOrEqual(1);
    await expect.poll(() => server.openRequests()).toBe(0);
  });

  it('that is aborted already sends nothing', async () => {
    await using server = await startServer((response) => json(response, OK));
    const error = await caught(() => connect(server).generate(REQUEST, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(server.requests).toHaveLength(0);
  });

  it('that outlives the request keeps no listener', async () => {
    await using server = await startServer((response) => json(response, OK));
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await connect(server).generate(REQUEST, { signal });
    expect(added).toHaveBeenCalledTimes(1);
    expect(removed.mock.calls[0]?.slice(0, 2)).toEqual(added.mock.calls[0]?.slice(0, 2));
  });
});

describe('the clocks', () => {
  it.each([
    ['key', { apiKey: () => new Promise<string>(() => undefined) }, 0],
    ['headers', { fetch: () => new Promise<Response>(() => undefined) }, 1],
  ] as const)('end what does not listen: %s', async (limit, options, posts) => {
    const timeouts = limitedBy(limit);
    const error = await caught(() =>
      connect({ baseURL: 'http://127.0.0.1:9' }, { timeouts, ...options }).generate(REQUEST),
    );
    expect(error).toMatchObject({ code: 'network/timeout', details: { limit, ms: timeouts[limit], posts } });
  });

  it('do not run on after the answer', async () => {
    await using server = await startServer((response) => json(response, OK));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await connect(server).generate(REQUEST);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the key', () => {
  it.each([
    ['sk-raw', 'Bearer sk-raw'],
    ['Bearer sk-1', 'Bearer sk-1'],
    ['Key abc:def', 'Key abc:def'],
    ['Basic dXNlcjpwYXNz', 'Basic dXNlcjpwYXNz'],
    ['two  blanks', 'two  blanks'],
  ])('goes over as the service wants it, and as given where it has a scheme: %s as %s', async (apiKey, sent) => {
    await using server = await startServer((response) => json(response, OK));
    await connect(server, { apiKey }).generate(REQUEST);
    expect(server.requests[0]?.headers.authorization).toBe(sent);
    expect(server.requests[0]?.url).toBe('/v1/images/generations');
    expect(server.requests[0]?.body).not.toContain(apiKey);
  });

  it('goes over with the scheme of its service, and verbatim as a header', async () => {
    await using server = await startServer((response) =>
      json(response, { ...OK, images: [{ url: `data:image/png;base64,${PNG}` }] }),
    );
    await connect(server, { apiKey: 'id:secret', service: 'fal' }).generate(REQUEST);
    await connect(server, { apiKey: undefined, headers: { authorization: 'sk-raw' } } as never).generate(REQUEST);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Key id:secret', 'sk-raw']);
  });

  it('goes into the header that the service has for it, and without a key none is sent', async () => {
    await using server = await startServer((response) => json(response, OK));
    const { SERVICES } = await import('../../packages/images/src/remote/index.ts');
    await connect(server, { service: { ...SERVICES['flux-srpo'], auth: { header: 'X-Api-Key' } } }).generate(REQUEST);
    await createRemote({ baseURL: server.baseURL }).generate(REQUEST);
    expect(server.requests[0]?.headers).toMatchObject({ 'x-api-key': CANARY });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    expect(server.requests[1]?.headers.authorization).toBeUndefined();
  });

  it('stays alone in its header, whatever else the caller sends along', async () => {
    await using server = await startServer((response) => json(response, OK));
    await connect(server, { headers: { Accept: 'application/problem+json', 'X-Title': 'page' } }).generate(REQUEST);
    expect(server.requests[0]?.headers).toMatchObject({
      authorization: CANARY,
      accept: 'application/problem+json',
      'x-title': 'page',
      'content-type': 'application/json',
    });
  });

  it('of a function is asked for before every POST, and never kept', async () => {
    await using server = await startServer((response, _, number) =>
      number === 1 ? json(response, {}, 429, { 'retry-after': '0' }) : json(response, OK),
    );
    let count = 0;
    const remote = connect(server, { apiKey: async () => `token-${++count}` });
    expect(count).toBe(0);
    await remote.generate(REQUEST);
    await remote.generate(REQUEST);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
      'Bearer token-3',
    ]);
  });

  it('whose function fails sends nothing; its own error comes out', async () => {
    await using server = await startServer((response) => json(response, OK));
    const reason = new Error('not logged in');
    expect(await caught(() => connect(server, { apiKey: () => Promise.reject(reason) }).generate(REQUEST))).toBe(
      reason,
    );
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    `${CANARY}\n`,
    `${CANARY}\r\nX-Evil: 1`,
    ` ${CANARY}`,
    `${CANARY}\0`,
    `${CANARY}€`,
    '',
    7 as unknown as string,
  ])('that no header can carry is refused without being shown: %j', async (apiKey) => {
    await using server = await startServer((response) => json(response, OK));
    for (const options of [
      { apiKey },
      { apiKey: () => apiKey },
      { apiKey: undefined, headers: { 'X-Auth': apiKey } },
    ]) {
      const error = await caught(async () => connect(server, options as Partial<RemoteOptions>).generate(REQUEST));
      expect(isFluxError(error, 'input/')).toBe(true);
      expectNoKey(everythingIn(error));
    }
    expect(server.requests).toHaveLength(0);
  });

  it('is not in what a caller can see of the client', async () => {
    const remote = connect({ baseURL: 'http://127.0.0.1:9' });
    expectNoKey(
      inspect(remote, { depth: 9, showHidden: true, getters: true }) + JSON.stringify(remote) + String(remote.generate),
    );
  });

  it('is not in an error, even where fetch throws it at us', async () => {
    const leak = Object.assign(new TypeError(`cannot send ${CANARY}`), {
      headers: { authorization: CANARY },
      cause: Object.assign(new Error(CANARY), { code: CANARY }),
    });
    leak.name = CANARY;
    const error = await caught(() =>
      connect({ baseURL: 'http://127.0.0.1:9' }, { fetch: () => Promise.reject(leak) }).generate(REQUEST),
    );
    expect(error).toMatchObject({ code: 'network/unreachable' });
    expectNoKey(everythingIn(error));
  });

  it('that some put into the query goes along, and is in no error', async () => {
    await using server = await startServer((response) => json(response, {}, 401));
    const baseURL = `${server.baseURL}/v1?key=${encodeURIComponent(CANARY)}`;
    const error = await caught(() => createRemote({ baseURL }).generate(REQUEST));
    expect(server.requests[0]?.url).toContain(encodeURIComponent(CANARY));
    expect(error).toMatchObject({ details: { url: `${server.baseURL}/v1/images/generations` } });
    expectNoKey(everythingIn(error));
  });

  it('that came in headers is redacted as well', async () => {
    await using server = await startServer((response) => json(response, { error: { message: `bad ${CANARY}` } }, 401));
    const error = await caught(() =>
      connect(server, {
        apiKey: undefined,
        headers: { 'X-Api-Key': CANARY },
      } as unknown as Partial<RemoteOptions>).generate(REQUEST),
    );
    expect(server.requests[0]?.headers['x-api-key']).toBe(CANARY);
    expect(error).toMatchObject({ code: 'input/unauthorized', message: 'bad [redacted]' });
    expectNoKey(everythingIn(error));
  });

  it('is logged nowhere', async () => {
    const logs = (['log', 'info', 'warn', 'error', 'debug'] as const).map((level) => vi.spyOn(console, level));
    await using server = await startServer((response) => json(response, {}, 401));
    await caught(() => connect(server).generate(REQUEST));
    for (const log of logs) {
      expect(log).not.toHaveBeenCalled();
      log.mockRestore();
    }
  });

  it('is refused in a page, unless the page says that it wants that; a function and no key are fine', () => {
    vi.stubGlobal('window', globalThis);
    vi.stubGlobal('document', { baseURI: 'https://page.example/app/' });
    const create = (options: Partial<RemoteOptions>) => () => createRemote({ baseURL: '/relay', ...options });
    expect(create({ apiKey: CANARY })).toThrow(/apiKey must not be in a web page/);
    expect(create({ headers: { authorization: CANARY } })).toThrow(/^headers\.authorization must not be in a web page/);
    expect(create({ apiKey: CANARY, dangerouslyAllowBrowser: true })).not.toThrow();
    expect(create({ apiKey: () => CANARY })).not.toThrow();
    expect(create({ headers: { 'X-Title': 'page' } })).not.toThrow();
    expect(create({})).not.toThrow();
  });

  const SECRETS = [
    'X-Api-Key',
    'apikey',
    'x-functions-key',
    'Ocp-Apim-Subscription-Key',
    'X-ClientSecret',
    'X-Auth-Token',
    'Proxy-Authorization',
    'X-Authentication',
    'Cookie',
    'x_access_token',
  ];
  // Each holds one of those words inside another.
  const OTHERS = ['X-Author', 'X-Authority', 'X-Keywords', 'X-Monkey', 'X-Tokenizer', 'X-Secretary', 'X-Cookiecutter'];

  it.each(SECRETS)('in a header is refused in a page under the name of that header: %s', async (name) => {
    vi.stubGlobal('window', globalThis);
    vi.stubGlobal('document', { baseURI: 'https://page.example/app/' });
    const headers = { 'X-Title': 'page', [name]: CANARY };
    for (const [at, create] of [
      ['', () => createRemote({ baseURL: '/relay', headers })],
      ['remote.', () => createFluxSrpo({ backend: 'remote', remote: { baseURL: '/relay', headers } })],
    ] as const) {
      const error = await caught(async () => create());
      expect(error).toMatchObject({ code: 'input/conflict', details: { field: `${at}headers.${name}` } });
      expect(String(error)).toContain(`${at}headers.${name} must not be in a web page`);
      expectNoKey(everythingIn(error));
    }
  });

  it.each(OTHERS)('is not seen in a header that only sounds like one: %s', (name) => {
    vi.stubGlobal('window', globalThis);
    vi.stubGlobal('document', { baseURI: 'https://page.example/app/' });
    expect(() => createRemote({ baseURL: '/relay', headers: { [name]: 'x' } })).not.toThrow();
  });
});

describe('a request', () => {
  it('says nothing of the page and follows nothing', async () => {
    let seen: RequestInit | undefined;
    const remote = connect(
      { baseURL: 'https://images.example/v1' },
      {
        fetch: async (_, init) => {
          seen = init;
          return Response.json(OK);
        },
      },
    );
    await remote.generate(REQUEST);
    expect(seen).toMatchObject({
      method: 'POST',
      redirect: 'error',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
    });
  });

  it.each([
    ['https://images.example', 'flux-srpo', 'https://images.example/v1/images/generations'],
    ['https://images.example/', 'flux-srpo', 'https://images.example/v1/images/generations'],
    ['https://images.example/v1', 'flux-srpo', 'https://images.example/v1/images/generations'],
    ['https://images.example/v1/images/generations', 'flux-srpo', 'https://images.example/v1/images/generations'],
    ['https://images.example/a/v1/', 'openai', 'https://images.example/a/v1/images/generations'],
    [
      'https://images.example/x?api-version=2#y',
      'flux-srpo',
      'https://images.example/x/v1/images/generations?api-version=2',
    ],
    ['https://fal.run/fal-ai/flux/srpo', 'fal', 'https://fal.run/fal-ai/flux/srpo'],
  ] as const)('to %s (%s) goes to %s', async (baseURL, service, expected) => {
    let sentTo = '';
    const remote = connect(
      { baseURL },
      {
        service,
        fetch: async (input) => {
          sentTo = String(input);
          return Response.json({ ...OK, images: [{ url: `data:image/png;base64,${PNG}` }] });
        },
      },
    );
    await remote.generate(REQUEST);
    expect(sentTo).toBe(expected);
  });

  it.each(['ftp://x', 'https://', 'https://user:sk-canary-4f1c9e7d2b6a8035@x.example', 'data:,x'])(
    'to baseURL %s is refused',
    async (baseURL) => {
      const error = await caught(async () => connect({ baseURL }));
      expect(error).toMatchObject({ code: expect.stringMatching(/^input\//), details: { field: 'baseURL' } });
      expectNoKey(everythingIn(error));
    },
  );

  it('that is wrong is refused before anything is sent', async () => {
    await using server = await startServer((response) => json(response, OK));
    const error = await caught(() => connect(server).generate({ ...REQUEST, num_inference_steps: 0 }));
    expect(error).toMatchObject({ code: 'input/out-of-range', details: { field: 'num_inference_steps' } });
    expect(server.requests).toHaveLength(0);
  });

  it('hands out warnings as they arise and in the response; a callback that throws does not lose the picture', async () => {
    await using server = await startServer((response) => json(response, OK));
    const told: RequestWarning[] = [];
    const { warnings } = await connect(server).generate(
      { ...REQUEST, style: 'vivid' },
      { onWarning: (w) => told.push(w) },
    );
    expect(warnings.map(({ field }) => field)).toEqual(['style']);
    expect(told).toEqual(warnings);

    const uncaught = once(process, 'uncaughtException');
    const handlers = process.listeners('uncaughtException').slice(0, -1);
    for (const handler of handlers) process.off('uncaughtException', handler);
    const response = await connect(server).generate(
      { ...REQUEST, style: 'vivid' },
      {
        onWarning: () => {
          throw new Error('mine');
        },
      },
    );
    expect(response.data).toHaveLength(1);
    expect(await uncaught).toMatchObject([{ message: 'mine' }, expect.anything()]);
    for (const handler of handlers) process.on('uncaughtException', handler);
  });

  it.each([
    [{ service: 'nope' }, 'service'],
    [{ service: '__proto__' }, 'service'],
    [{ maxBytes: 0 }, 'maxBytes'],
    [{ maxBytes: Number.NaN }, 'maxBytes'],
    [{ timeouts: { total: 0 } }, 'timeouts.total'],
    [{ timeouts: { stall: '5' } }, 'timeouts.stall'],
    [{ imageOrigins: ['*'] }, 'imageOrigins'],
    [{ imageOrigins: ['https://x.example/path'] }, 'imageOrigins'],
    [{ headers: { 'a b': 'c' } }, 'headers'],
    [{ headers: { Authorization: 'x' } }, 'apiKey'],
  ])('with options %j is refused, by name', async (options, field) => {
    const error = await caught(async () =>
      connect({ baseURL: 'https://x.example' }, options as Partial<RemoteOptions>),
    );
    expect(error).toMatchObject({ name: 'InputError', details: { field } });
  });
});

function head(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
