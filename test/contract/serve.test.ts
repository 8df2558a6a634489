import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createApp,
  createNodeEngine,
  FolderPictures,
  KeyRing,
  type Listening,
  listen,
  MemoryPictures,
  type NodeEngine,
} from '@flux-srpo/cli';
import { createPipeline, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BundleFolder } from '../support/bundle.ts';
import { openInMemory } from '../support/bundle.ts';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { schemaErrors } from './support/schema.ts';

const REQUEST = { ...SMALL, seed: 7 };
/** 256 tokens instead of 6: far longer than any test waits. */
const ENDLESS = { ...REQUEST, num_inference_steps: 1000, size: '256x256' };

let files: BundleFolder;
let pipeline: Pipeline;
let engine: NodeEngine;
let images: MemoryPictures;
let server: Listening;
let now = 0;

beforeAll(async () => {
  files = await tinyBundle();
  pipeline = await createPipeline({ bundle: await openInMemory(files), backend: await createNodeBackend() });
  images = new MemoryPictures({ lifetimeMs: 1000, now: () => now });
  engine = createNodeEngine({ pipeline, publish: (png) => images.add(png), maxWaiting: 2 });
  server = await listen(createApp({ engine, images, hosts: ['127.0.0.1'] }), '127.0.0.1', 0);
});

afterAll(async () => {
  await server?.close();
  await pipeline?.dispose();
});

/** What a test started has ended before the next begins. */
afterEach(() => expect.poll(() => engine.queue.running).toBe(0));

function post(body: object, init: RequestInit = {}, url = server.url): Promise<Response> {
  return fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
}

const code = async (response: Response) => [response.status, (await response.json()).error.code];

describe('serve', () => {
  it('says what it serves, and how it is', async () => {
    const models = await (await fetch(`${server.url}/v1/models`)).json();
    expect(schemaErrors('ModelList', models)).toEqual([]);
    const model = await (await fetch(`${server.url}/v1/models/${SMALL.model}`)).json();
    expect(schemaErrors('Model', model)).toEqual([]);
    expect(await code(await fetch(`${server.url}/v1/models/other`))).toEqual([404, 'model_not_found']);
    expect(await (await fetch(`${server.url}/health`)).json()).toEqual({
      status: 'ok',
      model: SMALL.model,
      queue: { running: 0, waiting: 0, max: 2 },
    });
  });

  it.each([
    ['GET', '/v1/images/generations', 405, 'method_not_allowed'],
    ['DELETE', '/v1/models', 405, 'method_not_allowed'],
    ['POST', '/v1/images/edits', 404, 'unknown_url'],
    ['GET', '/', 404, 'unknown_url'],
    ['GET', '/images/AAAAAAAAAAAAAAAAAAAAAA.png', 404, 'image_not_found'],
    ['GET', '/images/..%2F..%2Fetc%2Fpasswd', 404, 'unknown_url'],
    ['GET', '/v1/models/%', 404, 'model_not_found'],
    ['POST', '/v1/models/any', 405, 'method_not_allowed'],
    ['PUT', '/health', 405, 'method_not_allowed'],
  ])('answers %s %s with %i', async (method, path, status, name) => {
    const response = await fetch(server.url + path, { method });
    expect(await code(response.clone())).toEqual([status, name]);
    expect(schemaErrors('Error', await response.json())).toEqual([]);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
  });

  it('takes requests as clients send them: without a model, with nulls, with a slash at the end', async () => {
    const { model: _, ...rest } = REQUEST;
    const body = { ...rest, model: null, n: null, user: null, quality: null, output_format: 'b64_json' };
    const response = await post(body);
    const [{ b64_json }] = (await response.json()).data;
    const slashed = await fetch(`${server.url}/v1/images/generations/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...rest, output_format: 'b64_json' }),
    });
    expect((await slashed.json()).data[0].b64_json).toBe(b64_json);
    expect((await fetch(`${server.url}/v1/models/`)).status).toBe(200);
  });

  it('answers HEAD and OPTIONS, with and without a key', async () => {
    const keyed = await listen(
      createApp({ engine, images, keys: new KeyRing([{ name: 'one', key: 'secret' }]) }),
      '127.0.0.1',
      0,
    );
    try {
      for (const path of ['/v1/models', '/health']) {
        const head = await fetch(server.url + path, { method: 'HEAD' });
        expect([head.status, await head.text()]).toEqual([200, '']);
      }
      for (const { url } of [server, keyed]) {
        const options = await fetch(`${url}/v1/images/generations`, { method: 'OPTIONS' });
        expect([options.status, options.headers.get('allow')]).toEqual([204, 'POST, OPTIONS']);
      }
    } finally {
      await keyed.close();
    }
  });

  it('lets a picture be fetched until its address expires', async () => {
    const [{ url }] = (await (await post(REQUEST)).json()).data;
    expect(new URL(url).pathname).toMatch(/^\/images\/[A-Za-z0-9_-]{22}\.png$/);
    now += 999;
    expect((await fetch(url)).status).toBe(200);
    now += 1;
    expect(await code(await fetch(url))).toEqual([404, 'image_not_found']);
    expect((await images.usage()).bytes).toBe(0);
  });

  it('serves a picture that another server has drawn into a folder that both have', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-images-'));
    const drawing = await FolderPictures.open(folder);
    const drawer = createNodeEngine({ pipeline, publish: (png) => drawing.add(png) });
    const app = createApp({ engine: drawer, images: drawing });
    const other = createApp({ engine, images: await FolderPictures.open(folder) });
    try {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify(REQUEST);
      const answer = await app.request('/v1/images/generations', { method: 'POST', headers, body });
      const [{ url }] = (await answer.json()).data;
      const pictures = await Promise.all([app, other].map(async (one) => (await one.request(url)).arrayBuffer()));
      expect(pictures[0]!.byteLength).toBeGreaterThan(1000);
      expect(pictures[1]).toEqual(pictures[0]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('keeps an idle connection longer than proxies and clients do', async () => {
    const response = await fetch(`${server.url}/health`);
    // Seconds. nginx and most load balancers keep idle connections for 60.
    expect(Number(/timeout=(\d+)/.exec(response.headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(60);
  });

  it('stops drawing when the client goes away, and draws for the next', async () => {
    const controller = new AbortController();
    const gone = post(ENDLESS, { signal: controller.signal }).catch((error) => error.name);
    await expect.poll(() => engine.queue.running).toBe(1);
    controller.abort();
    expect(await gone).toBe('AbortError');
    expect((await post(REQUEST)).status).toBe(200);
  });

  it('stops drawing when the reader of a stream goes away', async () => {
    const outcomes: Promise<string>[] = [];
    const watched: NodeEngine = {
      ...engine,
      images: {
        generate(...args) {
          const call = engine.images.generate(...args);
          outcomes.push(
            call.then(
              () => 'drawn',
              () => (args[1]?.signal?.aborted ? 'stopped' : 'failed'),
            ),
          );
          return call;
        },
      },
    };
    const watching = await listen(createApp({ engine: watched, images, hosts: ['127.0.0.1'] }), '127.0.0.1', 0);
    try {
      // The answer begins with the first of three rough pictures. Three quarters of the steps are
      // then still to come, and can be stopped.
      const body = { ...REQUEST, num_inference_steps: 400, stream: true, partial_images: 3 };
      const response = await post(body, {}, watching.url);
      expect(response.headers.get('content-type')).toBe('text/event-stream');
      await response.body?.cancel();
      expect(await Promise.all(outcomes)).toEqual(['stopped']);
    } finally {
      await watching.close();
    }
  });

  it('answers 429 and when to try again, once as many wait as may', async () => {
    const controller = new AbortController();
    const calls = [1, 2, 3].map(() => post(ENDLESS, { signal: controller.signal }).catch((error) => error.name));
    await expect.poll(() => engine.queue.waiting).toBe(2);
    const refused = await post(REQUEST);
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    expect(await code(refused)).toEqual([429, 'queue_full']);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    controller.abort();
    expect(await Promise.all(calls)).toEqual(Array(3).fill('AbortError'));
    await expect.poll(() => engine.queue.waiting).toBe(0);
    expect((await post(REQUEST)).status).toBe(200);
  });

  it('allows no other origin', async () => {
    const response = await fetch(`${server.url}/v1/models`, { headers: { origin: 'https://page.example' } });
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('answers to no other name, so that a page cannot reach it by rebinding its own', async () => {
    expect(await raw('GET /v1/models HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 403 [\s\S]*host_not_allowed/,
    );
  });

  it.each([
    ['no host', 'GET / HTTP/1.1\r\n\r\n'],
    ['a host that is none', 'GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['a header of a megabyte', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(1e6)}\r\n\r\n`],
  ])('survives %s', async (_, text) => {
    expect(await raw(text)).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
  });
});

/** Sends bytes over a socket; gives the answer as text. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    // The server may hang up while a long header is still being sent.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

describe('serve with a key and an origin', () => {
  const key = 'sk-test-0123456789';
  const app = () =>
    createApp({ engine, images, keys: new KeyRing([{ name: 'one', key }]), origins: ['https://page.example'] });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['a wrong one', 'Bearer sk-test-0123456780'],
    ['a longer one', `Bearer ${key}x`],
    ['half of it', `Bearer ${key.slice(0, 9)}`],
    ['another scheme', `Basic ${key}`],
  ])('refuses who gives %s', async (_, authorization) => {
    const headers: HeadersInit = authorization === undefined ? {} : { authorization };
    for (const path of ['/v1/models', '/v1/images/generations', '/v1/models/x']) {
      const response = await app().request(path, { headers });
      const text = await response.clone().text();
      expect(await code(response)).toEqual([401, 'invalid_api_key']);
      expect(text).not.toContain('sk-');
    }
  });

  it.each([`Bearer ${key}`, `bearer ${key}`, key])('accepts %s', async (authorization) => {
    expect((await app().request('/v1/models', { headers: { authorization } })).status).toBe(200);
  });

  it('asks for no key for health and for pictures, whose addresses are secrets', async () => {
    expect((await app().request('/health')).status).toBe(200);
    expect((await app().request(await images.add(Uint8Array.of(1)))).status).toBe(200);
  });

  it('allows the page that was named, before it asks for a key, and no other', async () => {
    const preflight = (origin: string) =>
      app().request('/v1/images/generations', {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
        },
      });
    const allowed = await preflight('https://page.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://page.example');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('x-stainless-lang');
    expect((await preflight('https://other.example')).headers.get('access-control-allow-origin')).toBeNull();
    const refused = await app().request('/v1/models', { headers: { origin: 'https://page.example' } });
    expect(refused.status).toBe(401);
    // Without this header the page could not read even that its key is wrong.
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://page.example');
    expect(refused.headers.get('access-control-expose-headers')).toContain('x-request-id');
  });
});
