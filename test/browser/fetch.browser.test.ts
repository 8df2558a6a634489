import { type Manifest, parseManifest } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { createFluxSrpo, isFluxError, type TransferProgress } from 'flux-srpo';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { cdp, commands } from 'vitest/browser';
import {
  heldWorker,
  later,
  readStored,
  rejection,
  SMALLEST,
  storedFolder,
  storedNames,
  TAKE_OVER_MS,
  untilStill,
  untilWaiting,
  workerUrl,
  writeStored,
} from './support/page.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    serveCounted(pipeline: string): Promise<string>;
    takeCounts(): Promise<{ asked: string[]; sent: number }>;
  }
}

/**
 * Fetching a model without loading it. Oracle: what a server in Node counts. Each client has a
 * worker of its own, which is to the browser's locks and caches what a tab is.
 */

let url: string;
let manifest: Manifest;
let sha256: string;

/** Chunks that a worker has on their way at once. */
const LANES = 4;
/** Files that a worker may open before it stands still, a third of the model's. */
const SOME = 15;

/** Clients that fetch at once. */
const TABS = import.meta.env.VITE_TEST_FULL === '1' ? 8 : 2;

/** The real worker, whose tenth write never ends: four chunks are its own then. */
const HANGING_WORKER = workerUrl(`
  import 'data:text/javascript,${encodeURIComponent(`
    const { write } = FileSystemSyncAccessHandle.prototype;
    let writes = 0;
    FileSystemSyncAccessHandle.prototype.write = function (...chunk) {
      if (++writes === 10) for (;;);
      return write.apply(this, chunk);
    };`)}';
  import '${location.origin}/packages/images/src/store/import/import-worker.ts?worker_file&type=module';
`);

const { storage } = createFluxSrpo({ model: 'opfs:none', backend: 'wasm' });

/** What the browser lets this origin store. */
async function setQuota(bytes?: number): Promise<void> {
  const session = cdp() as { send(method: string, params: object): Promise<unknown> };
  const quota = bytes === undefined ? {} : { quotaSize: bytes };
  await session.send('Storage.overrideQuotaForOrigin', { origin: location.origin, ...quota });
}

async function clear(): Promise<void> {
  for (const { id } of await storage.list()) await storage.remove(id);
}

beforeAll(async () => {
  url = await commands.serveCounted('a-3x32');
  const bytes = new Uint8Array(await (await fetch(`${url}manifest.json`)).arrayBuffer());
  manifest = parseManifest(new TextDecoder().decode(bytes));
  sha256 = await sha256Hex(bytes);
});
beforeEach(async () => {
  await clear();
  await commands.takeCounts();
});
afterAll(clear);

/** Files that were asked for since the last count, manifests aside. */
async function askedFiles(): Promise<string[]> {
  const { asked } = await commands.takeCounts();
  return asked.map((path) => path.split(' ')[0]!).filter((path) => path !== 'manifest.json');
}

describe('a fetch', () => {
  it('stores a model that draws without a network; with the hash of its manifest nobody is asked', async () => {
    const told: TransferProgress[] = [];
    const model = await storage.fetch({ url, sha256 }, { onProgress: (progress) => told.push(progress) });
    expect(model).toMatchObject({ id: url, kind: 'kept', state: 'complete', model: manifest.model });
    expect(await storage.list()).toEqual([model]);
    expect(told.at(-1)).toMatchObject({ fraction: 1, found: expect.any(Number) });
    expect(told[5]).toMatchObject({ rate: expect.any(Number), secondsLeft: expect.any(Number) });
    await commands.takeCounts();
    await using flux = createFluxSrpo({ model: { url, sha256 }, backend: 'wasm' });
    const { data } = await flux.images.generate({ ...SMALLEST, output_format: 'b64_json' });
    expect(data[0]!.b64_json!.length).toBeGreaterThan(100);
    expect(await commands.takeCounts()).toEqual({ asked: [], sent: 0 });
    const other = storage.fetch({ url, sha256: 'f'.repeat(64) });
    expect(await rejection(other)).toMatchObject({ code: 'model/hash-mismatch' });
  });

  it('of several tabs takes each byte once, and goes on in the others when one is closed', async () => {
    const closing = new AbortController();
    const { workerUrl } = heldWorker(SOME);
    let [closed, tookOver] = [0, 0];
    const onProgress = (): void => {
      if (closed > 0 && tookOver === 0) tookOver = performance.now();
    };
    const first = rejection(storage.fetch(url, { signal: closing.signal, workerUrl }));
    onTestFinished(() => closing.abort());
    // Each lane has named the file that it may not open.
    const unfinished = async () => (await storedNames(url)).filter((name) => name.includes(' ')).length;
    await expect.poll(unfinished).toBe(LANES);
    const others = Array.from({ length: TABS - 1 }, () => storage.fetch(url, { onProgress }));
    // For what the first one holds.
    await untilWaiting(TABS - 1, `flux-srpo:${url} `);
    closed = performance.now();
    closing.abort();
    await first;
    for (const model of await Promise.all(others)) expect(model.state).toBe('complete');
    expect(tookOver - closed).toBeLessThan(TAKE_OVER_MS);
    const asked = await askedFiles();
    // What the closed one had on its way is asked for again: a chunk a lane.
    expect(asked.length - new Set(asked).size).toBeLessThanOrEqual(LANES);
    await clear();
    await commands.takeCounts();
    await Promise.all(Array.from({ length: TABS }, () => storage.fetch(url)));
    const again = await askedFiles();
    expect(again.length).toBeGreaterThan(20);
    expect(new Set(again).size).toBe(again.length);
  });

  it('goes on within 15 s where the tab that fetches hangs while it writes, and no half file stays', async () => {
    let [heard, largest] = [0, 0];
    const onProgress = (): void => {
      const now = performance.now();
      if (heard > 0) largest = Math.max(largest, now - heard);
      heard = now;
    };
    const hanging = new AbortController();
    let told = 0;
    const hung = rejection(
      storage.fetch(url, { signal: hanging.signal, workerUrl: HANGING_WORKER, onProgress: () => told++ }),
    );
    onTestFinished(() => hanging.abort());
    // The manifest's write is the first, and three are told of late.
    await expect.poll(() => told).toBeGreaterThan(4);
    const model = await storage.fetch(url, { onProgress });
    expect(largest).toBeLessThan(10_000 + TAKE_OVER_MS);
    hanging.abort();
    await hung;
    expect([model.state, (await storage.verify(url)).damaged]).toEqual(['complete', []]);
    // What the other one left goes with the next fetch after its worker, which ends when it likes.
    const strays = async () => {
      await storage.fetch(url);
      return (await storedNames(url)).filter((name) => name.includes(' '));
    };
    await expect.poll(strays, { timeout: 60_000 }).toEqual([]);
  });

  it('of a model that an earlier version put into Cache storage moves it, and asks for no chunk', async () => {
    await storage.fetch(url);
    const stored = await storage.list();
    const folder = await storedFolder(url);
    const chunks = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const name of await storedNames(url)) chunks.set(name, await readStored(folder, name));
    await storage.remove(url);
    const older = `flux-srpo ${url}`;
    const cache = await caches.open(older);
    for (const [name, bytes] of chunks) {
      const headers = { 'content-length': String(bytes.length) };
      const key = name.endsWith('.json') ? 'manifest.json' : name;
      await cache.put(`https://chunks.invalid/${key}`, new Response(bytes, { headers }));
    }
    expect(await storage.list()).toMatchObject([{ id: url, state: 'unfinished', bytes: stored[0]!.bytes }]);
    await askedFiles();
    await storage.fetch(url);
    expect(await askedFiles()).toEqual([]);
    expect(await storage.list()).toEqual(stored);
    expect(await caches.has(older)).toBe(false);
    await caches.open(older);
    await storage.remove(url);
    expect([await storage.list(), await caches.has(older)]).toEqual([[], false]);
  });

  it('pauses and goes on', async () => {
    const held = heldWorker(SOME);
    let loaded = 0;
    const fetching = storage.fetch(url, {
      workerUrl: held.workerUrl,
      onProgress(progress) {
        loaded = progress.loaded;
      },
    });
    await expect.poll(() => loaded).toBeGreaterThan(0);
    fetching.pause();
    // The worker, which stands still, hears of it first.
    await later(500);
    held.allow(Number.POSITIVE_INFINITY);
    await untilStill(() => loaded);
    const paused = loaded;
    await commands.takeCounts();
    await later(500);
    expect([loaded, (await commands.takeCounts()).asked]).toEqual([paused, []]);
    expect(await storage.list()).toMatchObject([{ state: 'unfinished' }]);
    fetching.resume();
    expect((await fetching).state).toBe('complete');
  });

  it('of an imported model, or to a storage without room, is refused before the first chunk', async () => {
    expect(isFluxError(await rejection(storage.fetch('opfs:x')), 'input/type')).toBe(true);
    const { usage } = await storage.estimate();
    await setQuota(usage + 100_000);
    await commands.takeCounts();
    const error = await rejection(storage.fetch(url));
    await setQuota();
    expect(error).toMatchObject({ code: 'storage/quota-exceeded' });
    expect(await askedFiles()).toEqual([]);
    expect(await storage.list()).toEqual([]);
  });
});

describe('a storage', () => {
  it('that is full in the middle keeps what is here for when there is room', async () => {
    const held = heldWorker(SOME);
    let loaded = 0;
    const onProgress = (progress: TransferProgress): void => {
      loaded = progress.loaded;
    };
    const fetching = rejection(storage.fetch(url, { workerUrl: held.workerUrl, onProgress }));
    await expect.poll(() => loaded).toBeGreaterThan(0);
    await setQuota((await storage.estimate()).usage);
    held.allow(Number.POSITIVE_INFINITY);
    const error = await fetching;
    await setQuota();
    expect(error).toMatchObject({ code: 'storage/quota-exceeded' });
    expect(await storage.list()).toMatchObject([{ id: url, state: 'unfinished' }]);
    const before = await askedFiles();
    await storage.fetch(url);
    const after = await askedFiles();
    expect(after.length).toBeGreaterThan(0);
    // What four lanes had on their way, and began before the first of them said so.
    expect(after.filter((path) => before.includes(path)).length).toBeLessThanOrEqual(2 * LANES);
    expect((await storage.verify(url)).damaged).toEqual([]);
  });

  it('that the browser has cleared between two visits, in part or whole, is filled again', async () => {
    await storage.fetch(url);
    const folder = await storedFolder(url);
    const [chunk] = manifest.files.find(({ path }) => path.startsWith('weights/'))!.chunks;
    await folder.removeEntry(chunk!);
    await askedFiles();
    expect(await storage.list()).toMatchObject([{ state: 'unfinished' }]);
    await storage.fetch(url);
    expect(await askedFiles()).toHaveLength(1);
    await (await navigator.storage.getDirectory()).removeEntry('flux-srpo', { recursive: true });
    expect(await storage.list()).toEqual([]);
    expect((await storage.fetch(url)).state).toBe('complete');
  });
});

describe('a check of a stored model', () => {
  it('names every damaged and missing chunk, and the next fetch brings those alone', async () => {
    await storage.fetch(url);
    expect(await storage.verify(url)).toMatchObject({ id: url, damaged: [], isRepairable: true });
    const folder = await storedFolder(url);
    const large = manifest.files.filter(({ path }) => path.startsWith('weights/')).slice(0, 4);
    const names = large.map(({ chunks }) => chunks[0]!);
    const [flipped, a, b] = await Promise.all(names.slice(0, 3).map((name) => readStored(folder, name)));
    flipped![flipped!.length >> 1]! ^= 1;
    await writeStored(folder, names[0]!, flipped!);
    await writeStored(folder, names[1]!, b!);
    await writeStored(folder, names[2]!, a!);
    await folder.removeEntry(names[3]!);
    const { damaged } = await storage.verify(url);
    const found = new Map(damaged.map(({ path, problem }) => [path, problem]));
    expect(large.map(({ path }) => found.get(path))).toEqual(['changed', 'changed', 'changed', 'missing']);
    expect(await storage.list()).toMatchObject([{ state: 'unfinished' }]);
    await commands.takeCounts();
    expect((await storage.fetch(url)).state).toBe('complete');
    expect(new Set(await askedFiles())).toEqual(new Set(large.map(({ path }) => path)));
    expect((await storage.verify(url)).damaged).toEqual([]);
  });
});
