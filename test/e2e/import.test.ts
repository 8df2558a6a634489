import { appendFile, cp, mkdtemp, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { serveFolder } from '../support/serve-folder.ts';
import { writePipeline } from '../support/write-fixture.ts';
import { fill, launch, PATIENCE_MS } from './support/maker.ts';

/**
 * The import panel as users meet it, on the narrowest screen. The browser tests check the imported
 * bytes.
 */

const WIDTH = 360;
const TRANSFORMER = 'transformer/diffusion_pytorch_model.safetensors';
const VAE = 'vae/diffusion_pytorch_model.safetensors';

const site = inject('site');
let browser: Browser;
let page: Page;
let folder: string;
/** A diffusers folder that a user would pick. */
let pipeline: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-import-'));
  pipeline = join(folder, 'pipeline');
  await writePipeline('a-3x32', pipeline);
  browser = await launch();
  page = await browser.newPage({ viewport: { width: WIDTH, height: 800 }, serviceWorkers: 'block' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.addInitScript(() => {
    const { revokeObjectURL } = URL;
    const revoked: string[] = [];
    URL.revokeObjectURL = (url) => {
      revoked.push(url);
      revokeObjectURL.call(URL, url);
    };
    Object.assign(globalThis, { revoked });
    // As in Firefox, whose question nobody answers here.
    navigator.storage.persist = () => new Promise(() => undefined);
  });
  await page.goto(`${site}?backend=wasm`);
  await page.getByText('Import a model of your own').click();
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

// By role and name, as a screen reader finds them.
const button = (name: string | RegExp): Locator => page.getByRole('button', { name, exact: true });
const panel = (): Locator => page.locator('#import-panel');
const check = () => button('Check what it takes');
const models = () => page.locator('#model-list');
const forecast = () => page.textContent('#import-forecast');
const stage = () => page.textContent('#import-stage');

/** Waits until the panel reports the outcome. */
async function settled(): Promise<string> {
  await page.waitForFunction(() => (document.getElementById('import-stop') as HTMLButtonElement).disabled);
  return (await page.isVisible('#import-error')) ? ((await page.textContent('#import-error')) ?? '') : '';
}

async function pickPipeline(): Promise<void> {
  await page.setInputFiles('#pick-folder', pipeline);
  await page.getByLabel('Stored as').selectOption('q8');
}

/**
 * From here on an import stands still before the file of a later part, so that it cannot be done
 * before it is stopped.
 *
 * @returns lets the next one through
 */
async function holdImport(page: Page, parts: number): Promise<() => Promise<void>> {
  const hold = `
    const { createSyncAccessHandle } = FileSystemFileHandle.prototype;
    let left = ${parts};
    FileSystemFileHandle.prototype.createSyncAccessHandle = function (...options) {
      if (/\\.safetensors$/.test(this.name) && left-- <= 0) return new Promise(() => undefined);
      return createSyncAccessHandle.apply(this, options);
    };`;
  const worker = /import-worker[^/]*\.js$/;
  await page.route(worker, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: hold + (await response.text()) });
  });
  return () => page.unroute(worker);
}

describe('the import panel', () => {
  it('says what a picked folder will take before anything is written, and fits a narrow screen', async () => {
    await pickPipeline();
    expect(await button('Import').isDisabled()).toBe(true);
    await check().focus();
    await page.keyboard.press('Enter');
    expect(await settled()).toBe('');
    // Oracle: 3.65 MB of float32 are 0.913 million weights. 8 bits take a little more than a
    // quarter of that; the rest are halves.
    expect(await forecast()).toMatch(
      /^srpo: 913 thousand parameters, 3\.65 MB to read.* about 1\.\d\d MB in 31 parts as opfs:srpo\. It fits.*The CPU of this machine computes it, which is slow\. A picture of 1024 × 768 takes [\d.]+ MB of memory/,
    );
    await expect.poll(() => models().locator('li').count()).toBe(1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(WIDTH);
  });

  it('pauses, and after a reload goes on with the same files', async () => {
    const release = await holdImport(page, 10);
    // A person would be too slow for so small a model.
    await page.evaluate(() => {
      const text = document.getElementById('import-stage')!;
      new MutationObserver(() => {
        const part = Number(/Part (\d+) of/.exec(text.textContent)?.[1] ?? 0);
        if (part >= 5) document.getElementById('import-stop')!.click();
      }).observe(text, { characterData: true, childList: true, subtree: true });
    });
    await button('Import').click();
    expect(await settled()).toBe('');
    expect(await stage()).toContain('Paused. Finished parts are kept. Going on starts from there');
    expect(await button('Go on').isEnabled()).toBe(true);
    await release();
    await page.reload();
    await button('Continue with srpo').click();
    expect(await models().textContent()).toMatch(
      /Not finished.*kept\. Choose the same files.*also after a reload\. It was pipeline, stored as 8 bits/,
    );
    expect(await page.getByLabel('Stored as').inputValue()).toBe('q8');
    await pickPipeline();
    await check().click();
    expect(await settled()).toBe('');
    expect(await forecast()).toMatch(/An interrupted import left .*B of it/);
    await button('Import').click();
    expect(await settled()).toBe('');
    expect(await stage()).toMatch(/^Imported, continued from where it had stopped: srpo, 1\.\d\d MB/);
  });

  it('lets the page draw with the model', async () => {
    // The element that has the focus after an import.
    await page.waitForFunction(() => document.activeElement?.textContent === 'Use this model');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#generate:enabled');
    // What the files do not say is not made up.
    expect(await page.textContent('#model')).toMatch(/^Drawn by srpo\./);
    expect(await page.textContent('#licence')).toMatch(/^Weights: unknown\. The licences of the imported files/);
    await models().locator('[aria-current=true][data-model="opfs:srpo"]').waitFor();
    await page.waitForURL(/model=opfs%3Asrpo/);
    await page.selectOption('#size', 'square');
    await fill(page, { prompt: 'a red house', steps: 1 });
    for (const seed of ['1', '2']) {
      await page.fill('#seed', seed);
      await page.click('#generate');
      await page.waitForFunction(
        (last) => new RegExp(`^Done.* seed ${last}$`).test(document.getElementById('stage')!.textContent),
        seed,
      );
    }
    const width = await page.evaluate(() => (document.getElementById('picture') as HTMLImageElement).naturalWidth);
    expect(width).toBe(512);
  });

  it('shows what is wrong with a file and what to do, and loses neither models nor choices', async () => {
    const cut = (await readFile(join(pipeline, TRANSFORMER))).subarray(0, 5000);
    await panel().getByLabel('Name in this browser').fill('other');
    const dataTransfer = await page.evaluateHandle(
      (bytes) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(bytes)], 'flux1-srpo.safetensors'));
        data.items.add(new File(['Read me.'], 'README.md'));
        return data;
      },
      [...cut],
    );
    await page.dispatchEvent('#drop', 'drop', { dataTransfer });
    await page.getByText('Left out, being neither weights nor part of a model’s folder: README.md.').waitFor();
    expect(await page.getByLabel('What flux1-srpo.safetensors is').inputValue()).toBe('transformer');
    await check().click();
    expect(await settled()).toMatch(/flux1-srpo\.safetensors.*download it again \(input\/file-unsupported\)/);
    expect(await page.locator('#chosen li').count()).toBe(2);
    await expect.poll(() => models().locator('li').count()).toBe(2);
    await button('Remove flux1-srpo.safetensors').click();

    // A browser refuses to read a picked file that is no longer what it was.
    const changed = join(folder, 'changed');
    await cp(pipeline, changed, { recursive: true });
    // Chromium compares times of change by whole seconds.
    await utimes(join(changed, TRANSFORMER), 1e9, 1e9);
    await page.setInputFiles('#pick-folder', changed);
    await appendFile(join(changed, TRANSFORMER), 'x');
    await check().click();
    expect(await settled()).toMatch(
      /diffusion_pytorch_model\.safetensors: the file was changed .*choose it again \(storage\/unavailable\)/,
    );
    await page.setInputFiles('#pick-folder', pipeline);
    await check().click();
    expect(await settled()).toBe('');
    expect(await forecast()).toContain('as opfs:other. It fits');
  });

  it('takes URLs and files of the hub, and an access token that goes to the hub only and stays nowhere', async () => {
    const files = await serveFolder(pipeline, {
      'access-control-allow-origin': '*',
      'access-control-allow-headers': 'authorization, range',
      'access-control-expose-headers': 'content-range',
    });
    const said: string[] = [];
    const sent: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.context().on('request', (request) => {
      said.push(request.url());
      void request.allHeaders().then(({ authorization }) => {
        if (authorization !== undefined) sent.push(`${new URL(request.url()).origin}/ ${authorization}`);
      });
    });
    // The hub, which no test may ask: it answers with the same file.
    const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'authorization, range' };
    await page.context().route('https://huggingface.co/**', async (route) => {
      const { range } = await route.request().allHeaders();
      const { status, headers, ...answer } = await fetch(
        files.url + TRANSFORMER,
        range ? { headers: { range } } : {},
      ).then(async (response) => ({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: Buffer.from(await response.arrayBuffer()),
      }));
      await route.fulfill({ status, headers: { ...headers, ...cors }, ...answer });
    });
    await page.getByText('From URLs').click();
    await page.locator('#url-transformer').fill('hf:owner/name/model.safetensors');
    await page.locator('#url-vae').fill(files.url + VAE);
    await panel().getByLabel('Access token of the hub').fill('hf_canary');
    await check().click();
    expect(await settled()).toBe('');
    expect(await forecast()).toContain('It fits');
    expect(files.requests).toContain(`/${VAE}`);
    expect([...new Set(sent)]).toEqual(['https://huggingface.co/ Bearer hf_canary']);
    await button('Import').click();
    expect(await settled()).toBe('');
    expect(await panel().getByLabel('Access token of the hub').inputValue()).toBe('');
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.cookie]),
    );
    expect([...said, kept].filter((text) => text.includes('canary'))).toEqual([]);

    await page.locator('#url-vae').fill('');
    await page.locator('#url-transformer').fill(`${files.url}none.safetensors`);
    await panel().getByLabel('Name in this browser').fill('third');
    await check().click();
    expect(await settled()).toMatch(/none\.safetensors.*404.*check the address \(network\/status\)$/);
    await files.close();
  });

  it('deletes a model only when told twice, also the one in use', async () => {
    await button('Delete srpo').click();
    await button('Keep it').click();
    await expect.poll(() => models().locator('li').count()).toBe(3);
    await button('Delete srpo').click();
    await button('Delete it').click();
    await page.getByText('Deleted: srpo.').waitFor();
    await expect.poll(() => models().locator('li').count()).toBe(2);
    expect(await models().locator('[aria-current=true]').textContent()).toContain('The embedded model');
    await page.waitForSelector('#generate:enabled');
    // The client has freed both pictures, each once: the page frees none behind its back.
    const revoked = await page.evaluate(() => (globalThis as unknown as { revoked: string[] }).revoked);
    const pictures = revoked.filter((url) => url.startsWith(`blob:${new URL(page.url()).origin}`));
    expect(pictures.length).toBe(2);
    expect(new Set(pictures).size).toBe(2);
  });

  it('shows what cannot be read, with the reason, and lets it be deleted', async () => {
    await page.evaluate(async () => {
      const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('flux-srpo');
      const folder = await models.getDirectoryHandle('damaged', { create: true });
      const manifest = await (await folder.getFileHandle('manifest.json', { create: true })).createWritable();
      await manifest.write('{');
      await manifest.close();
      await models.getDirectoryHandle('left', { create: true });
      localStorage.setItem('flux-srpo import left', '{"dtype":"q5","names":"x"');
      localStorage.setItem('flux-srpo import other', '{"dtype":"q5","names":[]}');
    });
    await page.reload();
    const row = (id: string) => models().locator(`[data-model="opfs:${id}"]`);
    await row('damaged')
      .getByText(/Cannot be used, 1 B: manifest: the document must be JSON/)
      .waitFor();
    expect(await row('left').textContent()).toMatch(/Not finished, 0 B kept.*also after a reload\.\s+Continue/);
    for (const id of ['damaged', 'left']) {
      await button(`Delete ${id}`).click();
      await button('Delete it').click();
      await page.getByText(`Deleted: ${id}.`).waitFor();
    }
    await expect.poll(() => models().locator('li').count()).toBe(2);
    expect(await page.evaluate(() => localStorage.getItem('flux-srpo import left'))).toBe(null);
  });

  it('says so where the address names a model that is not here, and draws with the embedded one all the same', async () => {
    await page.goto(`${site}?backend=wasm&model=opfs:gone`);
    await page.waitForSelector('#error:not([hidden])');
    expect(await page.textContent('#error')).toBe('there is no model opfs:gone; import it first (model/not-found)');
    const embedded = models().locator('li').first();
    expect(await embedded.textContent()).toMatch(/Comes with this page, [\d.]+ MB of it kept in this browser/);
    await button('Delete the kept files of the embedded model').click();
    await button('Delete it').click();
    await page.getByText('Deleted: the kept files of the embedded model.').waitFor();
    expect(await embedded.textContent()).toMatch(/Comes with this page\s+Use this model/);
    await embedded.getByRole('button').click();
    await page.waitForSelector('#generate:enabled');
    expect(page.url()).not.toContain('gone');
    expect(await page.isHidden('#error')).toBe(true);
  });
});
