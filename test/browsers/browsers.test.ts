import { writeFile } from 'node:fs/promises';
import { decode } from 'fast-png';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findFirefox, findWebKit } from '../../scripts/lib/browsers.mjs';
import {
  BROWSERS,
  type BrowserName,
  CASES,
  type CaseName,
  FINDINGS,
  type Finding,
  type Found,
  readFindings,
} from '../support/browser-cases.ts';
import type { BrowserOptions, DrivenBrowser } from './support/browser.ts';
import { openChromium } from './support/chromium.ts';
import { openFirefox } from './support/firefox.ts';
import { openSite, type Site } from './support/site.ts';
import { openWebKit } from './support/webkit.ts';

/** The published package, as plain files, in every browser that is here. */

const firefox = findFirefox();
const webkit = findWebKit();

const OPEN: Record<BrowserName, ((options?: BrowserOptions) => Promise<DrivenBrowser>) | undefined> = {
  Chromium: openChromium,
  Firefox: firefox === undefined ? undefined : (options) => openFirefox(firefox, options),
  WebKitGTK: webkit === undefined ? undefined : () => openWebKit(webkit),
};

const isWriting = process.env.BROWSERS_WRITE === '1';
/** A software GPU compiles for minutes. */
const isThorough = isWriting || process.env.TEST_FULL === '1';

/** An origin has less room than the model's megabytes. */
const ROOM = 500 * 1024;

let site: Site;
/** What halves may change of a byte: twice what was seen. Their error is 3e-3 (SPEED.md). */
const HALVES = 2;

/** Oracle of the pictures. */
let drawnByChromium: string;
beforeAll(async () => {
  site = await openSite();
  const chromium = await openChromium();
  await chromium.goto(site.url);
  await chromium.run('await ready');
  drawnByChromium = (await chromium.run('return await draw(create({}))')) as string;
  await chromium.close();
});
afterAll(() => site?.close());

describe.each(BROWSERS)('%s', (name) => {
  const open = OPEN[name];
  if (open === undefined)
    return it('is here', ({ skip }) => {
      skip(`there is no ${name === 'WebKitGTK' ? 'WebKitWebDriver with MiniBrowser and a display' : name}`);
    });

  const found: Found = { version: '', cases: {} };
  let browser: DrivenBrowser;
  /** Whether it has a private file system, without which nothing is stored. */
  let hasFiles: boolean;
  const run = (body: string) => browser.run(body);
  const visit = async () => {
    await browser.goto(site.url);
    await run('await ready');
  };
  beforeAll(async () => {
    browser = await open();
    found.version = browser.version;
    await visit();
    hasFiles = (await run('return navigator.storage?.getDirectory !== undefined')) as boolean;
  });
  afterAll(() => browser?.close());
  beforeEach(visit);

  const tries = (name: CaseName, find: () => Promise<Finding>) =>
    it(CASES[name], async ({ skip }) => {
      const finding = await find();
      found.cases[name] = finding;
      if (finding === 'yes') return;
      if ('skipped' in finding) skip(finding.skipped);
      else skip(name === 'webgpu', `no adapter was found, and load() said ${finding.refused}`);
    });

  const pipelineUrls = () =>
    JSON.stringify(Object.fromEntries(site.pipeline.map((path) => [path, `./pipeline/${path}`])));

  tries('wasm', async () => {
    expect(await run('return await draw(create({}))')).toBe(drawnByChromium);
    return 'yes';
  });

  tries('webgpu', async () => {
    if (name === 'Chromium' && !isThorough) return { skipped: 'the tier browser draws on it' };
    const hasAdapter = await run('return Boolean(await navigator.gpu?.requestAdapter())');
    const told = await run(`
      const flux = create({ backend: 'webgpu', precision: 'f32', keep: false });
      const told = await failure(flux.load());
      return told === 'none' ? await draw(flux) : told;`);
    if (!hasAdapter) {
      expect(told).toMatchObject({ code: 'device/no-webgpu' });
      return { refused: 'device/no-webgpu' };
    }
    // A GPU adds in another order, so a byte may be rounded the other way.
    expect(largestDifference(told as string, drawnByChromium)).toBeLessThanOrEqual(1);
    if (!hasFiles) return 'yes';
    // With nothing chosen: weights as a conversion makes them, halves where the adapter has them.
    const [onGpu, onCpu] = (await run(`
      const model = 'opfs:own';
      const [onGpu, onCpu] = [create({ model, backend: 'webgpu' }), create({ model })];
      await onCpu.storage.import({ folder: ${pipelineUrls()} }, { id: 'own' });
      const drawn = [await draw(onGpu), await draw(onCpu)];
      await Promise.all([onGpu.unload(), onCpu.unload()]);
      await onCpu.storage.remove('own');
      return drawn;`)) as [string, string];
    expect(largestDifference(onGpu, onCpu)).toBeLessThanOrEqual(HALVES);
    return 'yes';
  });

  tries('keep', async () => {
    const told = await run(`
      const { isKept, notKept } = await create({}).load();
      const { summary } = await create({}).probe();
      return { isKept, notKept: notKept?.code, stored: (await stored()).length, summary };`);
    const refused = 'storage/unavailable';
    if (!hasFiles) {
      expect(told).toEqual({ isKept: false, notKept: refused, stored: 0, summary: expect.stringContaining(refused) });
      return { refused };
    }
    expect(told).toEqual({ isKept: true, stored: 1, summary: expect.not.stringContaining(refused) });
    return 'yes';
  });

  tries('private', async () => {
    if (name === 'WebKitGTK') return { skipped: 'its window is a private one' };
    const window = await open({ isPrivate: true });
    try {
      await window.goto(site.url);
      await window.run('await ready');
      const told = (await window.run(`
        const flux = create({});
        const { isKept } = await flux.load();
        const { code: keep } = await failure(create({ keep: true }).load());
        const { code: resume } = await failure(flux.images.generate(REQUEST, { resume: true }));
        return { isKept, keep, resume, stored: (await stored()).length, drawn: await draw(flux) };`)) as {
        isKept: boolean;
      };
      const refused = 'storage/unavailable';
      // A picture goes on in either: IndexedDB is there.
      const { isKept } = told;
      const same = { isKept, drawn: drawnByChromium };
      expect(told).toEqual(isKept ? { ...same, stored: 1 } : { ...same, stored: 0, keep: refused });
      return isKept ? 'yes' : { refused };
    } finally {
      await window.close();
    }
  });

  tries('offline', async () => {
    if (!hasFiles) return { skipped: 'it keeps nothing' };
    await run('window.flux = create({}); await flux.load()');
    const drawn = await site.without(() =>
      // A prompt of its own, so that nothing is remembered. After unload() a new worker starts.
      run(`
        const before = await draw(flux, 'a blue boat');
        await flux.unload();
        return { before, after: await draw(flux, 'a blue boat') };`),
    );
    const { before } = drawn as { before: string };
    expect(drawn).toEqual({ before: expect.stringMatching(/^iVBORw0K/), after: before });
    return 'yes';
  });

  tries('once', async () => {
    if (!hasFiles) return { skipped: 'it keeps nothing' };
    await run('await clearStored()');
    const asked = site.asked();
    const kept = await run(
      'return (await Promise.all([create({}).load(), create({}).load()])).map((model) => model.isKept)',
    );
    expect(kept).toEqual([true, true]);
    const ranges = asked().filter((range) => !range.includes('manifest'));
    expect(ranges.length).toBeGreaterThan(10);
    expect(ranges.length).toBe(new Set(ranges).size);
    return 'yes';
  });

  tries('clear', async () => {
    if (!hasFiles) return { skipped: 'it keeps nothing' };
    await run('await clearStored()');
    const goOn = site.holdAfter(5);
    try {
      // It stands still in the middle, however fast the machine is.
      await run(`
        await new Promise((resolve) => {
          window.loading = create({}).load({ onProgress: ({ loaded }) => { if (loaded > 0) resolve(); } });
        });
        await create({}).clearKept();`);
    } finally {
      goOn();
    }
    const left = await run(`
      const { isKept, notKept } = await loading;
      return { isKept, notKept: notKept?.code, stored: await stored() };`);
    expect(left).toEqual({ isKept: false, notKept: 'storage/unavailable', stored: [] });
    return 'yes';
  });

  tries('failure', async () => {
    const left = await run(`
      await clearStored();
      const { code } = await failure(create({ model: './nothing/' }).load());
      return { code, stored: await stored() };`);
    expect(left).toEqual({ code: 'model/not-found', stored: [] });
    return 'yes';
  });

  tries('room', async () => {
    if (name === 'WebKitGTK') return { skipped: 'its quota cannot be set' };
    const refused = 'storage/quota-exceeded';
    const narrow = await open({ room: ROOM });
    try {
      await narrow.goto(site.url);
      await narrow.run('await ready');
      const asked = site.asked();
      const told = await narrow.run(`
        const { code, message } = await failure(create({ keep: true }).load());
        const { reasons } = await create({}).probe();
        return { code, message, probe: reasons.map(({ code }) => code).filter((code) => code.startsWith('storage/')) };`);
      // Chromium tells every page of the same 10 GiB, so the worker tries a file of that size.
      const isTold = name === 'Firefox';
      const message = expect.stringMatching(
        /need [\d.]+ MB more in this browser, which (offers this page|has less room)/,
      );
      expect(told).toEqual({ code: refused, message, probe: isTold ? [refused] : [] });
      expect(asked().filter((range) => !range.startsWith('/model/manifest.json '))).toEqual([]);
      const loaded = await narrow.run(`
        const flux = create({});
        const { isKept, notKept } = await flux.load();
        return { isKept, code: notKept.code, stored: await stored(), drawn: await draw(flux) };`);
      expect(loaded).toEqual({ isKept: false, code: refused, stored: [], drawn: drawnByChromium });
    } finally {
      await narrow.close();
    }
    return { refused };
  });

  tries('stop', async () => {
    const told = await run(`
      const flux = create({});
      const { model } = await flux.load();
      const controller = new AbortController();
      const stopped = await failure(flux.images.generate(
        { ...REQUEST, model, num_inference_steps: 1000 },
        { signal: controller.signal, onProgress: ({ stage }) => stage === 'denoise' && controller.abort() },
      ));
      return [stopped.name, await draw(flux)];`);
    expect(told).toEqual(['AbortError', drawnByChromium]);
    return 'yes';
  });

  tries('errors', async () => {
    const told = await run(`
      const flux = create({});
      const { model } = await flux.load();
      const wrong = await failure(flux.images.generate({ ...REQUEST, model, size: '16384x16384' }));
      const wasm = await failure(create({ wasmUrl: './nothing.wasm' }).load());
      const worker = await failure(create({ workerUrl: './nothing.js' }).load());
      const importing = await failure(flux.storage.import({ folder: {} }, { id: "x", workerUrl: "./nothing.js" }));
      return { code: wrong.code, wasm: wasm.message, worker: worker.message, importing: importing.message };`);
    expect(told).toEqual({
      code: expect.stringMatching(/^input\//),
      wasm: expect.stringMatching(/nothing\.wasm .*404.*wasmUrl/),
      worker: expect.stringMatching(/nothing\.js .*404.*workerUrl/),
      importing: expect.stringMatching(/import worker .*nothing\.js .*404.*workerUrl/),
    });
    return 'yes';
  });

  tries('localFetch', async () => {
    const answer = await run(`
      const flux = create({});
      const { model } = await flux.load();
      const answer = await createLocalFetch(flux)('http://local/v1/images/generations', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...REQUEST, model }),
      });
      return [answer.status, (await answer.json()).data[0].b64_json];`);
    expect(answer).toEqual([200, drawnByChromium]);
    return 'yes';
  });

  tries('import', async () => {
    const told = await run(`
      const flux = create({ model: 'opfs:mine' });
      const told = await failure(flux.storage.import({ folder: ${pipelineUrls()} }, { id: 'mine', dtype: 'f32' }));
      return told === 'none' ? await draw(flux) : told.code;`);
    const refused = 'storage/unavailable';
    expect(told).toBe(hasFiles ? drawnByChromium : refused);
    return hasFiles ? 'yes' : { refused };
  });

  it('does what docs/browsers.md says', async ({ skip }) => {
    const findings = readFindings();
    if (isWriting) {
      await writeFile(FINDINGS, `${JSON.stringify({ ...findings, [name]: found }, null, 2)}\n`);
    } else {
      const { version, cases } = findings[name];
      skip(version !== found.version, `the page is about version ${version}, this is ${found.version}`);
      // Whether there is an adapter is the machine's.
      expect({ ...cases, ...found.cases, webgpu: cases.webgpu }).toEqual(cases);
    }
  });
});

/** Of any byte of two pictures in base64. */
function largestDifference(first: string, second: string): number {
  const [one, other] = [first, second].map((png) => Uint8Array.from(decode(Buffer.from(png, 'base64')).data));
  expect(one!.length).toBe(other!.length);
  return one!.reduce((most, value, i) => Math.max(most, Math.abs(value - other![i]!)), 0);
}
