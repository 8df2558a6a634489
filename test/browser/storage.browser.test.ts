import type { Manifest } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { type ConvertProgress, createFluxSrpo, type ImportOptions, type ImportSources, isFluxError } from 'flux-srpo';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { cdp, commands } from 'vitest/browser';
import {
  type HeldWorker,
  heldWorker,
  rejection,
  SMALL,
  storedFolder,
  TAKE_OVER_MS,
  untilWaiting,
  workerUrl,
} from './support/page.ts';
import type { ServedConversion } from './support/storage-commands.ts';

declare module 'vitest/browser' {
  interface BrowserCommands {
    convertFixtureWithCli(pipeline: string, dtype: string): Promise<ServedConversion>;
  }
}

/**
 * Models imported in the page. Oracle: the bundle that the command line makes of the same files,
 * byte for byte.
 */

const DTYPE = 'q8';
let served: ServedConversion;
let manifest: Manifest;
let manifestHash: string;
/** Files as an input element would give them. */
let files: Record<string, File>;
let urls: Record<string, string>;

const flux = createFluxSrpo({ model: 'opfs:test', backend: 'wasm' });
const { storage } = flux;

const importAs = (id: string, sources: ImportSources, options: ImportOptions = {}) =>
  storage.import(sources, { id, dtype: DTYPE, ...options });

/** A worker opens for a part: its own, and the journal. */
const FILES_A_PART = 2;

/** A worker that stands still after so many parts with weights, until it is let go on. */
function heldAfter(parts: number): HeldWorker {
  const others = manifest.files.filter(({ path }) => !path.startsWith('weights/'));
  // Before the first part come the small files, the journal, and the check for room.
  return heldWorker(others.length + 1 + 1 + FILES_A_PART * parts);
}

async function clear(): Promise<void> {
  for (const { id } of await storage.list()) await storage.remove(id);
}

/** Path → file of everything that is stored of a model. */
async function storedFiles(id: string): Promise<Map<string, FileSystemFileHandle>> {
  const files = new Map<string, FileSystemFileHandle>();
  const walk = async (directory: FileSystemDirectoryHandle, below: string): Promise<void> => {
    for await (const [name, handle] of directory.entries()) {
      if (handle.kind === 'directory') await walk(handle as FileSystemDirectoryHandle, `${below}${name}/`);
      else files.set(below + name, handle as FileSystemFileHandle);
    }
  };
  await walk(await storedFolder(id), '');
  return files;
}

/** Asserts that a stored model has exactly the files that the command line wrote. */
async function expectSameBytes(id: string): Promise<void> {
  const stored = new Map<string, string>();
  for (const [path, handle] of await storedFiles(id)) {
    const file = await handle.getFile();
    stored.set(path, await sha256Hex(new Uint8Array(await file.arrayBuffer())));
  }
  const expected = new Map(manifest.files.map(({ path, sha256 }) => [path, sha256]));
  expected.set('manifest.json', manifestHash);
  expect(Object.fromEntries(stored)).toEqual(Object.fromEntries(expected));
}

/** The real worker, which hangs in a write after nine parts until `alarm` is revoked. */
const hangingWorker = (alarm: string) =>
  workerUrl(`
    import "data:text/javascript,${encodeURIComponent(`
      const { postMessage } = self;
      let [isDue, hasHung] = [false, false];
      self.postMessage = (message) => {
        isDue ||= message.progress?.parts.done >= 9;
        postMessage(message);
      };
      function hang() {
        for (;;) {
          const request = new XMLHttpRequest();
          request.open('GET', '${alarm}', false);
          try { request.send(); } catch { return; }
        }
      }
      const { write } = FileSystemSyncAccessHandle.prototype;
      FileSystemSyncAccessHandle.prototype.write = function (...chunk) {
        if (isDue && !hasHung) {
          hasHung = true;
          hang();
        }
        return write.apply(this, chunk);
      };`)}";
    import '${location.origin}/packages/images/src/store/import/import-worker.ts?worker_file&type=module';
  `);

beforeAll(async () => {
  served = await commands.convertFixtureWithCli('a-3x32', DTYPE);
  const fetchBytes = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const bytes = await fetchBytes(`${served.bundle}manifest.json`);
  manifest = JSON.parse(new TextDecoder().decode(bytes));
  manifestHash = await sha256Hex(bytes);
  files = {};
  urls = {};
  for (const path of served.paths) {
    urls[path] = served.pipeline + path;
    files[path] = new File([await fetchBytes(urls[path])], path.split('/').pop()!, { lastModified: 1 });
  }
});

// Other test files keep models on the same origin.
beforeAll(clear);
afterEach(clear);
afterAll(() => flux.dispose());

describe('an import', () => {
  it('of files makes the bundle that the command line makes, and pictures from it are the same to the byte', async () => {
    const parts: number[] = [];
    const model = await importAs('test', { folder: files }, { onProgress: ({ parts: { done } }) => parts.push(done) });
    expect(model).toMatchObject({ id: 'test', kind: 'imported', url: 'opfs:test', state: 'complete' });
    expect(model.model).toBe(manifest.model);
    expect([...new Set(parts)].filter((done) => done > 0)).toEqual(manifest.parts.map((_, i) => i + 1));
    expect(await storage.list()).toEqual([model]);
    await expectSameBytes('test');

    const fromServer = createFluxSrpo({ model: served.bundle, backend: 'wasm' });
    const request = { ...SMALL, model: manifest.model, output_format: 'b64_json' } as const;
    const here = await flux.images.generate(request);
    const there = await fromServer.images.generate(request);
    expect(here.data[0]!.b64_json!.length).toBeGreaterThan(1000);
    expect(here.data[0]!.b64_json).toBe(there.data[0]!.b64_json);
    await fromServer.dispose();

    expect(isFluxError(await rejection(storage.remove('test')), 'input/conflict')).toBe(true);
    expect(isFluxError(await rejection(importAs('test', { folder: files })), 'input/conflict')).toBe(true);
    await flux.unload();
  });

  it('of URLs that is cancelled leaves nothing that loads, and goes on where it stopped', async () => {
    const controller = new AbortController();
    const reason = new Error('later');
    const error = await rejection(
      importAs(
        'resumed',
        { folder: urls },
        {
          signal: controller.signal,
          onProgress: ({ parts }) => parts.done === 9 && controller.abort(reason),
          workerUrl: heldAfter(12).workerUrl,
        },
      ),
    );
    expect(error).toBe(reason);
    expect(await storage.list()).toMatchObject([{ id: 'resumed', state: 'unfinished' }]);
    const early = createFluxSrpo({ model: 'opfs:resumed', backend: 'wasm' });
    expect(isFluxError(await rejection(early.load()), 'model/not-found')).toBe(true);
    await early.dispose();

    const notices: string[] = [];
    let found = 0;
    await importAs(
      'resumed',
      { folder: urls },
      {
        onNotice: ({ type }) => notices.push(type),
        onProgress: ({ parts }) => {
          found = parts.found;
        },
      },
    );
    expect(notices).toEqual(['assumed', 'continued']);
    expect(found).toBeGreaterThan(4);
    await expectSameBytes('resumed');
  });

  it('of single files and tokenizers needs no folder', async () => {
    const { 'transformer/diffusion_pytorch_model.safetensors': transformer, ...others } = files;
    const model = await importAs('apart', { folder: others, transformer: transformer! });
    expect(model.state).toBe('complete');
  });

  it('runs in one tab: another follows it, and goes on when it is closed; one of other files is refused', async () => {
    const closing = new AbortController();
    const held = heldAfter(3);
    let [done, followed] = [0, 0];
    const first = rejection(
      importAs(
        'twice',
        { folder: files },
        {
          signal: closing.signal,
          workerUrl: held.workerUrl,
          onProgress: ({ parts }) => {
            done = parts.done;
          },
        },
      ),
    );
    await expect.poll(() => done).toBeGreaterThanOrEqual(3);
    const notices: string[] = [];
    let [closed, tookOver] = [0, 0];
    const second = importAs(
      'twice',
      { folder: files },
      {
        onNotice: ({ type }) => notices.push(type),
        onProgress() {
          followed++;
          if (closed > 0 && tookOver === 0) tookOver = performance.now();
        },
      },
    );
    const other = rejection(importAs('twice', { folder: files }, { dtype: 'q4' }));
    await untilWaiting(2, 'flux-srpo import twice');
    held.allow(6 * FILES_A_PART);
    await expect.poll(() => Math.min(done, followed)).toBeGreaterThanOrEqual(9);
    expect(isFluxError(await other, 'input/conflict')).toBe(true);
    closed = performance.now();
    closing.abort();
    await first;
    expect(await second).toMatchObject({ id: 'twice', state: 'complete' });
    expect(notices).toContain('continued');
    expect(tookOver - closed).toBeLessThan(TAKE_OVER_MS);
    await expectSameBytes('twice');
  });

  it('goes on within 15 s in another tab where the one that imports hangs, which is told so when it wakes', async () => {
    let [told, tookOver] = [0, 0];
    const alarm = URL.createObjectURL(new Blob(['still']));
    onTestFinished(() => URL.revokeObjectURL(alarm));
    const onTold = ({ parts }: ConvertProgress): void => {
      told = parts.done;
    };
    const hanging = { workerUrl: hangingWorker(alarm), onProgress: onTold };
    const hung = rejection(importAs('hung', { folder: files }, hanging));
    await expect.poll(() => told).toBeGreaterThanOrEqual(9);
    const notices: string[] = [];
    const onProgress = (): void => {
      if (tookOver === 0) tookOver = performance.now();
    };
    const onNotice = ({ type }: { type: string }) => notices.push(type);
    const asked = performance.now();
    const model = await importAs('hung', { folder: files }, { onProgress, onNotice });
    expect([model.state, notices.includes('continued')]).toEqual(['complete', true]);
    expect(tookOver - asked).toBeLessThan(10_000 + TAKE_OVER_MS);
    // It hangs in a write, and the browser lets nobody else touch that file.
    expect([...(await storedFiles('hung')).keys()].filter((path) => path.includes(' '))).toHaveLength(1);
    URL.revokeObjectURL(alarm);
    expect(isFluxError(await hung, 'input/conflict')).toBe(true);
    // The browser closes its file a little later.
    await vi.waitFor(
      async () => {
        expect(await storage.list()).toEqual([model]);
        await expectSameBytes('hung');
      },
      { timeout: 30_000 },
    );
  });

  it('that another tab finishes is finished in both', async () => {
    const both = await Promise.all([importAs('both', { folder: files }), importAs('both', { folder: files })]);
    expect(both[0]).toEqual(both[1]);
    expect(await storage.list()).toEqual([both[0]]);
  });

  it('is foreseen from the headers: its size, what an interrupted one left, and its errors', async () => {
    const settings = { id: 'foreseen', dtype: DTYPE } as const;
    const forecast = await storage.foresee({ folder: urls }, settings);
    const weights = manifest.files.filter(({ path }) => path.startsWith('weights/'));
    expect(forecast).toMatchObject({
      id: 'foreseen',
      url: 'opfs:foreseen',
      model: manifest.model,
      name: manifest.name,
      parts: manifest.parts.length,
      found: 0,
      fits: true,
    });
    // The forecast leaves out the headers of safetensors files, some hundred bytes each.
    const written = weights.reduce((sum, { size }) => sum + size, 0);
    expect(forecast.bytes).toBeLessThan(written);
    expect(forecast.bytes).toBeGreaterThan(written - 2500 * weights.length);
    expect(await storage.list()).toEqual([]);

    const controller = new AbortController();
    let last = 0;
    const { signal } = controller;
    const { workerUrl } = heldAfter(12);
    const onProgress: ImportOptions['onProgress'] = ({ parts, bytes }) => {
      last = bytes.total;
      if (parts.done === 9) controller.abort();
    };
    await rejection(importAs('foreseen', { folder: files }, { signal, onProgress, workerUrl }));
    expect(forecast.sourceBytes).toBe(last);
    expect((await storage.foresee({ folder: files }, settings)).found).toBeGreaterThan(10_000);
    const error = await rejection(storage.foresee({ folder: { 'model_index.json': files['model_index.json']! } }));
    expect(error).toMatchObject({ code: 'model/file-missing' });
    expect(await storage.list()).toMatchObject([{ id: 'foreseen', state: 'unfinished' }]);
  });

  it.each<[string, ImportSources, ImportOptions, string]>([
    ['an id that is a path', {}, { id: '../x' }, 'input/type'],
    ['an unknown dtype', {}, { dtype: 'q3' as 'q4' }, 'input/out-of-range'],
    ['a URL without TLS', { vae: 'http://example.com/ae.safetensors' }, {}, 'input/type'],
    ['nothing', {}, {}, 'input/required'],
    [
      'a file that is no model',
      { folder: { 'model_index.json': new File(['{}'], 'model_index.json') } },
      {},
      'model/file-missing',
    ],
  ])('refuses %s, and leaves nothing', async (_, sources, options, code) => {
    expect(await rejection(importAs('refused', sources, options))).toMatchObject({ code });
    expect(await storage.list()).toEqual([]);
  });
});

/** What the browser lets this origin store. */
async function setQuota(bytes?: number): Promise<void> {
  const session = cdp() as { send(method: string, params: object): Promise<unknown> };
  await session.send('Storage.overrideQuotaForOrigin', {
    origin: location.origin,
    ...(bytes === undefined ? {} : { quotaSize: bytes }),
  });
}

describe('a storage that is full', () => {
  afterEach(() => setQuota());

  it('is told before anything is converted, with what is missing', async () => {
    const { usage } = await storage.estimate();
    await setQuota(usage + 300_000);
    expect(await storage.foresee({ folder: files }, { id: 'full', dtype: DTYPE })).toMatchObject({ fits: false });
    const error = await rejection(importAs('full', { folder: files }));
    expect(error).toMatchObject({ code: 'storage/quota-exceeded', details: { needed: expect.any(Number) } });
  });

  it('in the middle keeps what is done for when there is room', async () => {
    const held = heldAfter(3);
    let done = 0;
    const onProgress: ImportOptions['onProgress'] = ({ parts }) => {
      done = parts.done;
    };
    const importing = rejection(importAs('full', { folder: files }, { onProgress, workerUrl: held.workerUrl }));
    await expect.poll(() => done).toBeGreaterThanOrEqual(3);
    await setQuota((await storage.estimate()).usage);
    held.allow(Number.POSITIVE_INFINITY);
    const error = await importing;
    expect(error).toMatchObject({ code: 'storage/quota-exceeded' });
    await setQuota();
    await importAs('full', { folder: files });
    await expectSameBytes('full');
  });
});
