import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import {
  type AppOptions,
  createApp,
  createMetrics,
  createNodeEngine,
  KeyRing,
  type Listening,
  type ListenOptions,
  listen,
  MemoryPictures,
  type Metrics,
  type NodeEngine,
} from '@flux-srpo/cli';
import { NetworkError } from '@flux-srpo/core';
import { createPipeline, type Pipeline } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openInMemory } from '../support/bundle.ts';
import { SMALL, tinyBundle } from '../support/engine.ts';
import { schemaErrors } from './support/schema.ts';

/** What whoever runs a server sees of it and can rely on. The pipeline is a real, small one. */

const REQUEST = { ...SMALL, seed: 7, output_format: 'b64_json' };
/** Far longer than any test waits. */
const ENDLESS = { ...REQUEST, num_inference_steps: 1000, size: '256x256' };
const CLIENTS = 200;
const REQUESTS = process.env.TEST_FULL ? 2000 : CLIENTS;
const MAX_WAITING = 50;

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await createPipeline({
    bundle: await openInMemory(await tinyBundle()),
    backend: await createNodeBackend(),
  });
});
afterAll(() => pipeline?.dispose());

interface Open extends Listening, AsyncDisposable {
  engine: NodeEngine;
  images: MemoryPictures;
  metrics: Metrics;
  stopping: AbortController;
}

async function open(app: Partial<AppOptions> = {}, options: ListenOptions = {}, maxWaiting = 2): Promise<Open> {
  const images = new MemoryPictures({ maxCount: 10 });
  const stopping = new AbortController();
  const metrics: Metrics = createMetrics({ queue: () => engine.queue, images });
  const engine = createNodeEngine({
    pipeline,
    publish: (png) => images.add(png),
    maxWaiting,
    stopping: stopping.signal,
    onDrawn: (result) => metrics.drawn(result.images.length, result.timings.steps),
  });
  const hono = createApp({ engine, images, metrics, stopping: stopping.signal, ...app });
  const server = await listen(hono, '127.0.0.1', 0, { graceMs: 0, onExchange: metrics.answered, ...options });
  return { ...server, engine, images, metrics, stopping, [Symbol.asyncDispose]: () => server.close() };
}

function post({ url }: Listening, body: object | string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  });
}

const code = async (response: Response) => [response.status, (await response.json()).error.code];
const running = ({ engine }: Open, count: number) =>
  expect.poll(() => engine.queue.running + engine.queue.waiting, { interval: 5 }).toBe(count);

describe('serve for its operator', () => {
  it('says in the text format of Prometheus what it did', async () => {
    await using server = await open();
    await (await post(server, { ...REQUEST, output_format: 'url' })).json();
    await (await post(server, { ...REQUEST, seed: -1 })).json();
    await (await fetch(`${server.url}/secret?prompt=secret`)).json();
    const response = await fetch(`${server.url}/metrics`);
    // It is counted when its connection has let go of it.
    await expect.poll(() => server.metrics.text()).toContain('route="other"');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('# TYPE flux_srpo_requests_total counter');
    const text = await server.metrics.text();
    // https://github.com/prometheus/docs/blob/7ff4ba34/content/docs/instrumenting/exposition_formats.md
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(?:$|# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="[^"\n]*"(?:,\w+="[^"\n]*")*\})? [-+\d.eNaInf]+)$/,
      );
    }
    for (const line of [
      'flux_srpo_requests_total{route="/v1/images/generations",method="POST",status="200"} 1',
      'flux_srpo_requests_total{route="/v1/images/generations",method="POST",status="400"} 1',
      'flux_srpo_requests_total{route="other",method="GET",status="404"} 1',
      'flux_srpo_errors_total{code="unknown_url"} 1',
      'flux_srpo_pictures_total 1',
      'flux_srpo_step_seconds_count 2',
      'flux_srpo_queue{state="waiting"} 0',
      'flux_srpo_kept_pictures 1',
    ]) {
      expect(text).toContain(`\n${line}\n`);
    }
    expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
    expect(text).not.toContain('secret');
  });

  it('is ready while it takes requests, and healthy also when it does not', async () => {
    await using server = await open({}, {}, 1);
    const status = async (path: string) => (await fetch(server.url + path)).status;
    expect([await status('/ready'), await status('/health')]).toEqual([200, 200]);
    const leave = new AbortController();
    const asked = [1, 2].map(() => post(server, ENDLESS, { signal: leave.signal }).catch(() => undefined));
    await running(server, 2);
    const full = await fetch(`${server.url}/ready`);
    expect(await code(full.clone())).toEqual([503, 'queue_full']);
    expect(schemaErrors('Error', await full.json())).toEqual([]);
    expect(await status('/health')).toBe(200);
    leave.abort();
    await Promise.all(asked);
    await running(server, 0);
    expect(await status('/ready')).toBe(200);
    server.stopping.abort(new NetworkError('stops', { code: 'network/stopping' }));
    expect(await code(await fetch(`${server.url}/ready`))).toEqual([503, 'server_stopping']);
  });

  it('lets what runs finish when it stops, and hands back what waits', async () => {
    await using server = await open({}, { graceMs: 60_000 });
    const first = post(server, { ...REQUEST, num_inference_steps: 100 });
    await running(server, 1);
    const second = post(server, REQUEST);
    await running(server, 2);
    server.stopping.abort(new NetworkError('stops', { code: 'network/stopping' }));
    const back = await second;
    expect(['retry-after', 'x-should-retry'].map((name) => back.headers.get(name))).toEqual(['5', 'true']);
    expect(await code(back)).toEqual([503, 'server_stopping']);
    expect(await code(await post(server, REQUEST))).toEqual([503, 'server_stopping']);
    await server.close();
    expect((await first).status).toBe(200);
  });

  it('has several keys, with limits of their own', async () => {
    const keys = [
      { name: 'slow', key: 'sk-slow-0123456789abcdef', concurrent: 1 },
      { name: 'rare', key: 'sk-rare-0123456789abcdef', perMinute: 1 },
    ];
    await using server = await open({ keys: new KeyRing(keys) });
    const as = (i: number) => ({ headers: { authorization: `Bearer ${keys[i]?.key}` } });
    expect(await code(await post(server, REQUEST))).toEqual([401, 'invalid_api_key']);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${server.url}/metrics`, as(0))).status).toBe(200);
    const leave = new AbortController();
    const asked = post(server, ENDLESS, { ...as(0), signal: leave.signal }).catch(() => undefined);
    await running(server, 1);
    expect(await code(await post(server, REQUEST, as(0)))).toEqual([429, 'rate_limit_exceeded']);
    leave.abort();
    await asked;
    await running(server, 0);
    await expect.poll(async () => (await post(server, REQUEST, as(0))).status).toBe(200);
    expect((await post(server, REQUEST, as(1))).status).toBe(200);
    const over = await post(server, REQUEST, as(1));
    expect(Number(over.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(await code(over)).toEqual([429, 'rate_limit_exceeded']);
  });

  it('isolates what it serves where it is told to, and lets isolated pages show its pictures', async () => {
    await using server = await open({ isIsolated: true });
    const [{ url }] = (await (await post(server, { ...REQUEST, output_format: 'url' })).json()).data;
    for (const path of [url, `${server.url}/health`, `${server.url}/nothing`]) {
      const { headers } = await fetch(path);
      expect(
        ['opener-policy', 'embedder-policy', 'resource-policy'].map((name) => headers.get(`cross-origin-${name}`)),
      ).toEqual(['same-origin', 'require-corp', 'cross-origin']);
    }
    await using plain = await open();
    expect((await fetch(`${plain.url}/health`)).headers.get('cross-origin-embedder-policy')).toBeNull();
  });
});

/** A connection, and all that comes over it until it ends. */
async function dial({ url }: Listening): Promise<{ socket: Socket; received: Promise<string> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  const received = once(socket, 'close').then(() => text);
  await once(socket, 'connect');
  return { socket, received };
}

describe('serve among clients that behave badly', () => {
  const quick = { headersMs: 300, requestMs: 600 };

  it.each([
    ['nothing', ''],
    ['a piece of the headers at a time', 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: '],
    [
      'a piece of the body at a time',
      'POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{',
    ],
  ])('cuts off who sends %s', async (_, start) => {
    await using server = await open({}, quick);
    const { socket, received } = await dial(server);
    socket.write(start);
    const drip = setInterval(() => start !== '' && socket.write(' '), 100);
    try {
      expect(await received).toMatch(/^(?:HTTP\/1\.1 408|$)/);
    } finally {
      clearInterval(drip);
    }
    // On a busy machine a good client too may be too slow once.
    await expect.poll(async () => (await fetch(`${server.url}/health`)).status).toBe(200);
  });

  it('answers requests that come at once over one connection, in their order', async () => {
    await using server = await open();
    const { socket, received } = await dial(server);
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
    socket.write(get('/v1/models') + get('/nothing') + get('/health', 'Connection: close\r\n'));
    const bodies = [...(await received).matchAll(/"object":"list"|unknown_url|"status":"ok"/g)].map(String);
    expect(bodies).toEqual(['"object":"list"', 'unknown_url', '"status":"ok"']);
  });

  it(`answers ${REQUESTS} requests of ${CLIENTS} clients at once, and keeps nothing of them`, {
    timeout: 600_000,
  }, async () => {
    await using server = await open({}, {}, MAX_WAITING);
    const seen = new Map<string, number>();
    const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    let left = REQUESTS;
    const client = async () => {
      while (left > 0) note(await KINDS[left-- % KINDS.length]!(server));
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    await running(server, 0);
    // Nobody got an answer that is neither right nor typed.
    const known = ['drawn', 'streamed', 'queue_full', 'left', 'invalid_json', 'missing_required_parameter', 'listed'];
    expect([...seen.keys()].filter((what) => !known.includes(what))).toEqual([]);
    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(REQUESTS);
    expect(seen.get('drawn')).toBeGreaterThanOrEqual(10);
    expect((await server.images.usage()).count).toBeLessThanOrEqual(10);
    expect(await server.metrics.text()).toMatch(/^flux_srpo_queue\{state="running"\} 0$/m);
  });
});

/** What one request of a client came to. */
type Kind = (server: Open) => Promise<string>;

const outcome = async (response: Response, isRight: (body: string) => boolean, what: string) => {
  const body = await response.text();
  if (response.ok) return isRight(body) ? what : `wrong: ${body.slice(0, 200)}`;
  return String(JSON.parse(body).error.code);
};

const KINDS: readonly Kind[] = [
  async (server) => {
    const response = await post(server, { ...REQUEST, output_format: 'url' });
    return outcome(response, (body) => body.includes('/images/'), 'drawn');
  },
  async (server) => outcome(await post(server, REQUEST), (body) => body.includes('"b64_json":"iVBORw0KGgo'), 'drawn'),
  async (server) => {
    const response = await post(server, { ...REQUEST, stream: true, partial_images: 1 });
    return outcome(response, (body) => /image_generation\.completed[\s\S]*\n\n$/.test(body), 'streamed');
  },
  (server) =>
    post(server, ENDLESS, { signal: AbortSignal.timeout(20) }).then(
      (response) => outcome(response, () => false, ''),
      () => 'left',
    ),
  async (server) => outcome(await post(server, '{"prompt":'), () => false, ''),
  async (server) => outcome(await post(server, { seed: 7 }), () => false, ''),
  async (server) => outcome(await fetch(`${server.url}/v1/models`), (body) => body.includes(SMALL.model), 'listed'),
];
