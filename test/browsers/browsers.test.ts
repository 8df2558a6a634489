import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findFirefox, findWebKit } from '../../scripts/lib/browsers.mjs';
import { installPacked } from '../support/packed.ts';
import { writePlainSite } from '../support/plain-site.ts';
import { type StaticServer, serveFolder } from '../support/serve-folder.ts';
import { writeBundle, writePipeline } from '../support/write-fixture.ts';
import type { DrivenBrowser } from './support/browser.ts';
import { openChromium } from './support/chromium.ts';
import { openFirefox } from './support/firefox.ts';
import { openWebKit } from './support/webkit.ts';

/** The published package, as plain files, in every browser that is here. */

/** What docs/embed.md tells servers to send with the worker and the `.wasm` file. */
const CACHED = { 'cache-control': 'public, max-age=31536000, immutable' };

const firefox = findFirefox();
const webkit = findWebKit();

const BROWSERS: [string, (() => Promise<DrivenBrowser>) | undefined, string][] = [
  ['Chromium', openChromium, ''],
  ['Firefox', firefox === undefined ? undefined : () => openFirefox(firefox), 'no Firefox is here'],
  [
    'WebKitGTK',
    webkit === undefined ? undefined : () => openWebKit(webkit),
    'no WebKitWebDriver with MiniBrowser and a display is here',
  ],
];

let folder: string;
let site: string;
let server: StaticServer;
let paths: string[];
/** Oracle of the pictures. */
let drawnByChromium: unknown;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-browsers-'));
  const app = join(folder, 'app');
  site = join(folder, 'site');
  await installPacked(app);
  await writePlainSite(app, site);
  await writeBundle('a-3x32', join(site, 'model'));
  paths = await writePipeline('a-3x32', join(site, 'pipeline'));
  await cp(fileURLToPath(new URL('support/page.html', import.meta.url)), join(site, 'index.html'));
  server = await serveFolder(site, CACHED);
  const chromium = await openChromium();
  await chromium.goto(server.url);
  drawnByChromium = await chromium.run('return await draw(create({}))');
  await chromium.close();
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

describe.each(BROWSERS)('%s', (name, open, reason) => {
  if (open === undefined) return it.skip(reason);

  /** WebKit's driver opens a private window, where no cache outlives its worker. */
  const lasts = name !== 'WebKitGTK';
  const why = 'what a private window of WebKit keeps goes with the worker that kept it';
  let browser: DrivenBrowser;
  beforeAll(async () => {
    browser = await open();
  });
  afterAll(() => browser?.close());
  const visit = async () => {
    await browser.goto(server.url);
    await browser.run('await ready');
  };
  beforeEach(visit);

  it('draws on wasm, the same file as Chromium', async () => {
    expect(await browser.run('return await draw(create({}))')).toBe(drawnByChromium);
  });

  it('keeps the model, or says why not; with it draws without a server', async () => {
    const script = `
      window.flux = create({});
      const { isKept, notKept } = await flux.load();
      return { isKept, notKept: notKept?.code, caches: (await caches.keys()).length };`;
    expect(await browser.run(script)).toEqual(
      lasts ? { isKept: true, caches: 1 } : { isKept: false, notKept: 'storage/unavailable', caches: 0 },
    );
    const { summary } = (await browser.run('return await create({}).probe()')) as { summary: string };
    expect(summary.includes('storage/unavailable')).toBe(!lasts);
    if (!lasts) return;
    const port = Number(new URL(server.url).port);
    await server.close();
    try {
      // A prompt of its own, so that nothing is remembered. After unload() a new worker starts.
      const drawn = await browser.run(`
        const before = await draw(flux, 'a blue boat');
        await flux.unload();
        return { before, after: await draw(flux, 'a blue boat') };`);
      expect(drawn).toEqual({
        before: expect.stringMatching(/^[0-9a-f]{64}$/),
        after: (drawn as { before: string }).before,
      });
    } finally {
      server = await serveFolder(site, CACHED, port);
    }
  });

  it('fetches a model once for two clients that load it at once', async ({ skip }) => {
    skip(!lasts, why);
    await browser.run('for (const name of await caches.keys()) await caches.delete(name)');
    const before = server.ranges.length;
    const kept = await browser.run(
      'return (await Promise.all([create({}).load(), create({}).load()])).map((model) => model.isKept)',
    );
    expect(kept).toEqual([true, true]);
    const asked = server.ranges
      .slice(before)
      .filter((range) => range.startsWith('/model/') && !range.includes('manifest'));
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.length).toBe(new Set(asked).size);
  });

  it('does not say that it keeps what was cleared while it loaded', async ({ skip }) => {
    skip(!lasts, why);
    const left = await browser.run(`
      for (const name of await caches.keys()) await caches.delete(name);
      const other = create({});
      let cleared;
      const flux = create({});
      const { isKept, notKept } = await flux.load({
        onProgress: ({ loaded, total }) => { if (loaded > total / 2) cleared ??= other.clearKept(); },
      });
      await cleared;
      return { isKept, notKept: notKept?.code, caches: await caches.keys() };`);
    expect(left).toEqual({ isKept: false, notKept: 'storage/unavailable', caches: [] });
  });

  it('leaves no cache behind a load that fails', async () => {
    const script = `
      for (const name of await caches.keys()) await caches.delete(name);
      const { code } = await failure(create({ model: './nothing/' }).load());
      return { code, caches: await caches.keys() };`;
    expect(await browser.run(script)).toEqual({ code: 'model/not-found', caches: [] });
  });

  it('stops when it is told to, and goes on', async () => {
    const script = `
      const flux = create({});
      const { model } = await flux.load();
      const controller = new AbortController();
      const stopped = await failure(flux.images.generate(
        { ...REQUEST, model, num_inference_steps: 1000 },
        { signal: controller.signal, onProgress: ({ stage }) => stage === 'denoise' && controller.abort() },
      ));
      return [stopped.name, await draw(flux)];`;
    expect(await browser.run(script)).toEqual(['AbortError', drawnByChromium]);
  });

  it('carries errors out of the worker with their code, and says what a wrong file is', async () => {
    const script = `
      const flux = create({});
      const { model } = await flux.load();
      const wrong = await failure(flux.images.generate({ ...REQUEST, model, size: '16384x16384' }));
      const wasm = await failure(create({ wasmUrl: './nothing.wasm' }).load());
      const worker = await failure(create({ workerUrl: './nothing.js' }).load());
      return { wrong, wasm, worker };`;
    const told = (await browser.run(script)) as Record<'wrong' | 'wasm' | 'worker', { code: string; message: string }>;
    expect(told.wrong.code).toMatch(/^input\//);
    expect(told.wasm.message).toMatch(/nothing\.wasm .*404.*wasmUrl/);
    expect(told.worker.message).toMatch(/nothing\.js .*404.*workerUrl/);
  });

  it('answers a local fetch as the server would', async () => {
    const script = `
      const flux = create({});
      const { model } = await flux.load();
      const answer = await createLocalFetch(flux)('http://local/v1/images/generations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...REQUEST, model }),
      });
      return [answer.status, (await answer.json()).data[0].b64_json.slice(0, 8)];`;
    expect(await browser.run(script)).toEqual([200, 'iVBORw0K']);
  });

  it('imports a model into its file system, or says that there is none', async () => {
    const hasFiles = await browser.run('return navigator.storage?.getDirectory !== undefined');
    const script = `
      const urls = Object.fromEntries(${JSON.stringify(paths)}.map((path) => [path, './pipeline/' + path]));
      const flux = create({ model: 'opfs:mine' });
      const told = await failure(flux.storage.import({ folder: urls }, { id: 'mine', dtype: 'f32' }));
      return told === 'none' ? (await draw(flux)).length : told.code;`;
    expect(await browser.run(script)).toBe(hasFiles ? 64 : 'storage/unavailable');
  });
});

describe('Firefox with little room', () => {
  if (firefox === undefined) return it.skip('no Firefox is here');

  it('says before the first file that the model does not fit, and loads it without keeping', async () => {
    // Kilobytes for an origin. Oracle: Firefox's own quota.
    const browser = await openFirefox(firefox, { 'dom.quotaManager.temporaryStorage.fixedLimit': 500 });
    try {
      await browser.goto(server.url);
      await browser.run('await ready');
      const before = server.requests.length;
      const refused = await browser.run(`
        const { code, message } = await failure(create({ keep: true }).load());
        const { reasons } = await create({}).probe();
        return { code, message, probe: reasons.map(({ code }) => code).filter((code) => code.startsWith('storage/')) };`);
      const message = expect.stringMatching(/need [\d.]+ MB more .* offers this page [\d.]+ KB/);
      expect(refused).toEqual({ code: 'storage/quota-exceeded', message, probe: ['storage/quota-exceeded'] });
      const asked = server.requests.slice(before).filter((path) => path.startsWith('/model/'));
      expect(new Set(asked)).toEqual(new Set(['/model/manifest.json']));
      const loaded = await browser.run(`
        const { isKept, notKept } = await create({}).load();
        return { isKept, code: notKept.code, caches: await caches.keys() };`);
      expect(loaded).toEqual({ isKept: false, code: 'storage/quota-exceeded', caches: [] });
    } finally {
      await browser.close();
    }
  });
});
