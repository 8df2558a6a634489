import { type Manifest, parseManifest } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { createFluxSrpo, isFluxError, type TransferProgress } from 'flux-srpo';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cdp, commands } from 'vitest/browser';
import { rejection, SMALLEST } from './support/page.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    serveCounted(pipeline: string): Promise<string>;
    takeCounts(): Promise<{ asked: string[]; sent: number }>;
    delayAnswers(milliseconds: number): Promise<void>;
  }
}

/**
 * Fetching a model without loading it. Oracle: what a server in Node counts. Each client has a
 * worker of its own, which is to the browser's locks and caches what a tab is.
 */

let url: string;
let manifest: Manifest;
let sha256: string;

const { storage } = createFluxSrpo({ model: 'opfs:none', backend: 'wasm' });

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
  await commands.delayAnswers(0);
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

  it('of four tabs at once takes each byte once, and goes on in the others when one is closed', async () => {
    await commands.delayAnswers(20);
    const closing = new AbortController();
    let [closed, tookOver] = [0, 0];
    const stop = ({ fraction }: TransferProgress) => {
      if (fraction < 0.3 || closed > 0) return;
      closed = performance.now();
      closing.abort();
    };
    const onProgress = (): void => {
      if (closed > 0 && tookOver === 0) tookOver = performance.now();
    };
    const first = rejection(storage.fetch(url, { signal: closing.signal, onProgress: stop }));
    const others = [1, 2, 3].map(() => storage.fetch(url, { onProgress }));
    await first;
    for (const model of await Promise.all(others)) expect(model.state).toBe('complete');
    expect(tookOver - closed).toBeLessThan(5_000);
    const asked = await askedFiles();
    // What the closed one had on its way is asked for again: a chunk a lane.
    expect(asked.length - new Set(asked).size).toBeLessThanOrEqual(4);
    await clear();
    await commands.takeCounts();
    await Promise.all([1, 2].map(() => storage.fetch(url)));
    const again = await askedFiles();
    expect(new Set(again).size).toBe(again.length);
  });

  it('does not wait for a tab that is frozen in the middle of a chunk', async () => {
    const [chunk] = manifest.files[0]!.chunks;
    let thaw = (): void => undefined;
    void navigator.locks.request(`flux-srpo:${url} ${chunk}`, () => new Promise<void>((resolve) => (thaw = resolve)));
    const since = performance.now();
    await storage.fetch(url);
    // 10 s of silence, and the fetch.
    expect(performance.now() - since).toBeGreaterThan(9_000);
    thaw();
  });

  it('pauses and goes on', async () => {
    await commands.delayAnswers(20);
    let loaded = 0;
    let isPausing = true;
    const fetching = storage.fetch(url, {
      onProgress(progress) {
        loaded = progress.loaded;
        if (isPausing) fetching.pause();
      },
    });
    await expect.poll(() => loaded, { timeout: 20_000 }).toBeGreaterThan(0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const paused = loaded;
    await commands.takeCounts();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([loaded, (await commands.takeCounts()).asked]).toEqual([paused, []]);
    isPausing = false;
    fetching.resume();
    expect((await fetching).state).toBe('complete');
  });

  it('of an imported model, or to a storage without room, is refused before the first chunk', async () => {
    expect(isFluxError(await rejection(storage.fetch('opfs:x')), 'input/type')).toBe(true);
    const session = cdp() as { send(method: string, params: object): Promise<unknown> };
    const { usage } = await storage.estimate();
    const quota = { origin: location.origin, quotaSize: usage + 100_000 };
    await session.send('Storage.overrideQuotaForOrigin', quota);
    await commands.takeCounts();
    const error = await rejection(storage.fetch(url));
    await session.send('Storage.overrideQuotaForOrigin', { origin: location.origin });
    expect(error).toMatchObject({ code: 'storage/quota-exceeded' });
    expect(await askedFiles()).toEqual([]);
    expect(await storage.list()).toEqual([]);
  });
});

describe('a check of a stored model', () => {
  it('names every damaged and missing chunk, and the next fetch brings those alone', async () => {
    await storage.fetch(url);
    expect(await storage.verify(url)).toMatchObject({ id: url, damaged: [], isRepairable: true });
    const cache = await caches.open(`flux-srpo ${url}`);
    const large = manifest.files.filter(({ path }) => path.startsWith('weights/')).slice(0, 4);
    const keys = large.map(({ chunks }) => `https://chunks.invalid/${chunks[0]}`);
    const bytes = new Uint8Array(await (await cache.match(keys[0]!))!.arrayBuffer());
    bytes[bytes.length >> 1]! ^= 1;
    await cache.put(keys[0]!, new Response(bytes));
    const [a, b] = await Promise.all([keys[1]!, keys[2]!].map((key) => cache.match(key)));
    await Promise.all([cache.put(keys[1]!, b!), cache.put(keys[2]!, a!)]);
    await cache.delete(keys[3]!);
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
