import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Exchange,
  type Fault,
  type FaultServer,
  sendAndCut,
  sendRange,
  slice,
  startFaultServer,
} from '../../../../test/support/fault-server.ts';
import { memoryBundle } from '../../../../test/support/memory-bundle.ts';
import { memoryStore } from '../test-support/memory-store.ts';
import { openBundle } from './bundle.ts';
import { type HttpBundleOptions, httpBundle } from './bundle-files.ts';
import type { ChunkStore } from './chunk-cache.ts';
import { type KeepOptions, keepAll } from './keep-all.ts';

/**
 * Fetching a bundle from servers with faults, over real sockets. Oracle: the bytes that the server
 * has, and its own count of what it has sent.
 */

const FULL = Boolean(process.env.TEST_FULL);
// A gigabyte takes seconds to pass a socket.
if (FULL) vi.setConfig({ testTimeout: 300_000 });
/** `npm run test:full` fetches 1 GiB in the chunks that bundles have, `npm test` 8 MiB. */
const CHUNK_BYTES = FULL ? 8 * 2 ** 20 : 2 ** 16;
const CHUNKS = 128;

let seed = 5;
/** The next of a fixed row of whole numbers from 0 to below `n`. */
const below = (n: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
};
const contents = new Uint8Array(CHUNKS * CHUNK_BYTES);
for (let i = 0; i < contents.length; i++) contents[i] = i ^ (i >> 8) ^ (i >> 16) ^ (i >> 24);

let files: Map<string, Uint8Array>;
let server: FaultServer;
let mirror: FaultServer;
let total: number;

beforeAll(async () => {
  const bytes = contents;
  const blobs = await memoryBundle({
    graphs: { block: new Uint8Array(9_000).fill(1) },
    parts: { part: { graph: 'block', tensors: [{ name: 'a', dtype: 'U8', shape: [bytes.length], bytes }] } },
    chunkBytes: CHUNK_BYTES,
  });
  files = new Map();
  for (const [path, blob] of blobs) files.set(path, new Uint8Array(await blob.arrayBuffer()));
  server = await startFaultServer(files);
  mirror = await startFaultServer(files);
  total = [...files].reduce((sum, [path, { length }]) => sum + (path === 'manifest.json' ? 0 : length), 0);
}, 120_000);
beforeEach(() => {
  for (const each of [server, mirror]) Object.assign(each, { fault: () => false, sent: 0, mostAtOnce: 0, asked: [] });
});
afterAll(() => Promise.all([server.close(), mirror.close()]));

/** Spoils every answer for the weights. */
const onWeights =
  (spoil: (exchange: Exchange) => unknown): Fault =>
  (exchange) => {
    if (!exchange.path.startsWith('weights')) return false;
    spoil(exchange);
    return true;
  };

const QUICK: HttpBundleOptions = { delays: [1, 1, 1] };

interface Fetching extends HttpBundleOptions {
  from?: string;
  signal?: AbortSignal;
  gate?: KeepOptions['gate'];
  onProgress?: (loaded: number) => void;
}

async function fetchAll(store: ChunkStore, { from = server.url, signal, gate, onProgress, ...options }: Fetching = {}) {
  const bundle = await openBundle(httpBundle(from, { ...QUICK, ...options }), { store });
  await keepAll(bundle, store, {
    signal: signal ?? new AbortController().signal,
    onProgress: (progress) => progress.stage === 'load' && onProgress?.(progress.loaded),
    gate,
  });
}

/** Asserts that every chunk of the bundle is there. Their hashes were compared as they came. */
async function expectAll(store: ChunkStore): Promise<void> {
  const { manifest } = await openBundle(httpBundle(server.url));
  const kept = await store.keys();
  expect(manifest.files.every(({ chunks }) => chunks.every((sha256) => kept.has(sha256)))).toBe(true);
}

describe('fetching a bundle', () => {
  it('asks for several ranges of 4 chunks at once, at most 4, and for each once', async () => {
    const { store } = memoryStore();
    server.fault = (exchange) => {
      setTimeout(() => sendRange(exchange), 2);
      return true;
    };
    const loaded: number[] = [];
    await fetchAll(store, { onProgress: (bytes) => loaded.push(bytes) });
    await expectAll(store);
    expect(server.mostAtOnce).toBe(4);
    const weights = server.asked.filter((path) => path.startsWith('weights'));
    expect(new Set(weights).size).toBe(weights.length);
    // The first chunk is asked for alone: it shows whether the server has ranges. The file's head
    // makes one chunk more.
    expect(weights).toHaveLength(1 + Math.ceil((CHUNKS + 1) / 4));
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
    expect(loaded.at(-1)).toBe(total);
  });

  it('collects chunks in memory that each of the four uses again', async () => {
    const { store } = memoryStore();
    const used = new Set<ArrayBufferLike>();
    const put: ChunkStore['put'] = (sha256, bytes) => {
      used.add(bytes.buffer);
      return store.put(sha256, bytes);
    };
    await fetchAll({ ...store, put });
    await expectAll(store);
    // The very first chunk comes before the four.
    expect(used.size).toBeLessThanOrEqual(1 + 4);
  });

  it('through 50 cuts reads less than 5 % again: a range that breaks off goes on behind its last byte', async () => {
    const { store } = memoryStore();
    let requests = 0;
    let cuts = 0;
    server.fault = (exchange) => {
      if (exchange.range === undefined || cuts === 50 || ++requests % 3 === 0) return false;
      cuts++;
      sendAndCut(exchange, below(exchange.range.end - exchange.range.start));
      return true;
    };
    await fetchAll(store);
    await expectAll(store);
    expect(cuts).toBe(50);
    // What the server wrote into its socket before the cut, the client may not have seen.
    expect(server.sent).toBeLessThan(1.05 * total);
  });

  it('from a host that ignores ranges takes each file whole, in one request, and again after a cut', async () => {
    const { store } = memoryStore();
    let isCut = false;
    server.fault = (exchange) => {
      const whole = { ...exchange, range: undefined };
      // The first request of a file is its first chunk's, which shows that ranges are ignored.
      const cuts = exchange.path.startsWith('weights') && exchange.range === undefined && !isCut;
      if (cuts) sendAndCut(whole, contents.length / 2);
      else sendRange(whole);
      isCut ||= cuts;
      return true;
    };
    await fetchAll(store);
    await expectAll(store);
    const weights = server.asked.filter((path) => path.startsWith('weights'));
    expect(weights).toEqual([expect.stringContaining('bytes=0-'), expect.not.stringContaining('bytes'), weights[1]]);
  });

  it('goes on at the chunks that are missing after an abort, which loses what was on its way', async () => {
    const { store, chunks } = memoryStore();
    const controller = new AbortController();
    const reason = new Error('later');
    const onProgress = () => chunks.size >= 20 && controller.abort(reason);
    await expect(fetchAll(store, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(chunks.size).toBeLessThan(20 + 4);
    const here = new Set(chunks.keys());
    // From elsewhere: the server may still be sending what was aborted.
    await fetchAll(store, { from: mirror.url });
    const fetched = [...chunks]
      .filter(([sha256]) => !here.has(sha256))
      .reduce((sum, [, { length }]) => sum + length, 0);
    // A byte of the manifest is asked for first, which tells its size.
    expect(mirror.sent).toBe(fetched + files.get('manifest.json')!.length + 1);
    await expectAll(store);
  });

  it.each<[string, Fault]>([
    ['with ranges', () => false],
    ['that ignores ranges', (exchange) => sendRange({ ...exchange, range: undefined }) === undefined],
  ])('from a host %s stands still while it is paused, with what was on its way kept', async (_, fault) => {
    server.fault = fault;
    const { store, chunks } = memoryStore();
    let resume = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const gate = { isShut: false, pass: async () => (gate.isShut ? opened : undefined) };
    const fetching = fetchAll(store, {
      onProgress: () => {
        gate.isShut = chunks.size >= 10;
      },
      gate,
    });
    await expect.poll(() => gate.isShut).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const asked = server.asked.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.asked.length).toBe(asked);
    expect(chunks.size).toBeLessThanOrEqual(10 + 4);
    gate.isShut = false;
    resume();
    await fetching;
    await expectAll(store);
    const weights = server.asked.filter((path) => path.startsWith('weights'));
    expect(new Set(weights).size).toBe(weights.length);
  });

  it('asks a mirror where the server fails or has other bytes, and keeps nothing wrong', async () => {
    for (const spoil of [
      (exchange: Exchange) => exchange.response.writeHead(404).end(),
      (exchange: Exchange) => exchange.response.destroy(),
      (exchange: Exchange) => sendRange(exchange, new Uint8Array(slice(exchange.range, exchange.bytes).length)),
    ]) {
      const { store } = memoryStore();
      server.fault = onWeights(spoil);
      mirror.sent = 0;
      await fetchAll(store, { mirrors: [mirror.url] });
      await expectAll(store);
      expect(mirror.sent).toBeGreaterThanOrEqual(contents.length);
    }
  });

  it('fetches a damaged chunk again, alone; where it stays damaged, names file and chunk', async () => {
    const damaged = 5 * CHUNK_BYTES;
    let times = 1;
    server.fault = (exchange) => {
      const { start, end } = exchange.range ?? { start: 0, end: 0 };
      if (start > damaged || end <= damaged || times-- <= 0) return false;
      const bytes = slice(exchange.range, exchange.bytes).slice();
      bytes[damaged + below(CHUNK_BYTES) - start]! ^= 1 << below(8);
      sendRange(exchange, bytes);
      return true;
    };
    const { store } = memoryStore();
    await fetchAll(store);
    await expectAll(store);
    const ranges = [4, 5, 6].map((chunk) => server.asked.filter((path) => path.includes(`=${chunk * CHUNK_BYTES}-`)));
    expect(ranges).toEqual([
      [expect.stringContaining(`-${8 * CHUNK_BYTES - 1}`)],
      [expect.stringContaining(`-${6 * CHUNK_BYTES - 1}`)],
      [expect.stringContaining(`-${8 * CHUNK_BYTES - 1}`)],
    ]);
    times = Number.POSITIVE_INFINITY;
    await expect(fetchAll(memoryStore().store)).rejects.toMatchObject({
      code: 'model/hash-mismatch',
      details: { path: 'weights/part.safetensors', chunk: 5 },
    });
  });

  it('asks the first address again where the one that it led to has expired', async () => {
    let [generation, used] = [0, 0];
    server.fault = ({ path, request, response }) => {
      if (!path.startsWith('weights')) return false;
      const signed = new URL(request.url!, server.url).searchParams.get('signed');
      if (signed === null) response.writeHead(302, { location: `?signed=${generation}` }).end();
      else if (Number(signed) !== generation || used++ === 3) {
        used = 0;
        generation++;
        response.writeHead(403).end('expired');
      } else return false;
      return true;
    };
    const { store } = memoryStore();
    // Four that ask at once take one another's address away: some try more than three times.
    await fetchAll(store, { delays: Array(30).fill(1) });
    await expectAll(store);
    expect(generation).toBeGreaterThan(5);
  });

  it('waits as long as a busy server asks, and gives up at once what no wait would mend', async () => {
    let refusals = 1;
    const since = performance.now();
    server.fault = ({ path, response }) => {
      if (!path.startsWith('graphs') || refusals-- <= 0) return false;
      response.writeHead(429, { 'retry-after': '1', 'content-type': 'text/html' }).end('<html>');
      return true;
    };
    const { store } = memoryStore();
    await fetchAll(store);
    await expectAll(store);
    // A timer may end a millisecond early.
    expect(performance.now() - since).toBeGreaterThan(990);
    server.fault = onWeights(({ response }) => response.writeHead(451).end());
    server.asked = [];
    await expect(fetchAll(memoryStore().store)).rejects.toMatchObject({ code: 'network/status' });
    expect(server.asked.filter((path) => path.startsWith('weights')).length).toBeLessThanOrEqual(4);
  });

  it.each<[string, (exchange: Exchange) => unknown]>([
    ['a page of HTML', ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    ['another range', (exchange) => sendRange({ ...exchange, range: { start: 1, end: CHUNK_BYTES + 1 } })],
    ['status 416', ({ response }) => response.writeHead(416, { 'content-range': 'bytes */10' }).end()],
    ['compressed bytes', ({ response }) => response.writeHead(206, { 'content-encoding': 'gzip' }).end('x')],
  ])('refuses %s, and keeps nothing of it', async (_, spoil) => {
    const { store, chunks } = memoryStore();
    server.fault = onWeights(spoil);
    await expect(fetchAll(store)).rejects.toMatchObject({ code: expect.stringMatching(/^(network|format)\//) });
    const { manifest } = await openBundle(httpBundle(server.url));
    const weights = manifest.files.find(({ path }) => path.startsWith('weights'))!;
    expect(weights.chunks.filter((sha256) => chunks.has(sha256))).toEqual([]);
  });

  it('gives up a server that has hung, and never takes more than it asked for', async () => {
    server.fault = (exchange) => {
      if (!exchange.path.startsWith('weights')) return false;
      exchange.response.writeHead(206);
      return true;
    };
    await expect(fetchAll(memoryStore().store, { stallMs: 50, delays: [1] })).rejects.toMatchObject({
      code: 'network/timeout',
    });
    server.fault = ({ path, response }) => {
      if (!path.startsWith('weights')) return false;
      response.writeHead(206);
      const timer = setInterval(() => response.write(new Uint8Array(2 ** 16)), 1);
      response.once('close', () => clearInterval(timer));
      return true;
    };
    server.sent = 0;
    await expect(fetchAll(memoryStore().store)).rejects.toThrow('got more');
    expect(server.sent).toBeLessThan(8 * CHUNK_BYTES);
  });
});

it('a manifest with another hash than the one that was asked for is refused', async () => {
  const { identity } = await openBundle(httpBundle(server.url));
  expect((await openBundle(httpBundle(server.url), { sha256: identity })).identity).toBe(identity);
  const other = openBundle(httpBundle(server.url), { sha256: 'f'.repeat(64) });
  await expect(other).rejects.toMatchObject({ code: 'model/hash-mismatch', details: { got: identity } });
});
