import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { axeViolations } from './support/axe.ts';
import { draw, launch, PATIENCE_MS, ready } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/** What the page keeps of models: checked, read from the disk in place, cleared. */

const BUNDLE = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));
const WISH = { prompt: 'a red house', steps: 2, seed: 1 };

const site = inject('site');
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What the embedded model draws of the wish. */
let drawn: Awaited<ReturnType<typeof shownPicture>>;

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${site}?backend=wasm`);
  await ready(page);
  await draw(page, WISH);
  drawn = await shownPicture(page);
});
afterAll(() => browser?.close());

const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const status = () => page.locator('#models-status');
const row = (url: string) => page.locator(`[data-model="${url}"]`);

/** Everything that the origin stores, by name. */
const stored = () =>
  page.evaluate(async () => {
    const folder = await navigator.storage.getDirectory();
    const models = await folder.getDirectoryHandle('flux-srpo').catch(() => undefined);
    const files: string[] = [];
    if (models !== undefined) for await (const name of models.keys()) files.push(`flux-srpo/${name}`);
    const entries: string[] = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name!);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      for (const store of database.objectStoreNames) {
        const request = database.transaction(store).objectStore(store).count();
        await new Promise((resolve) => Object.assign(request, { onsuccess: resolve }));
        if (request.result > 0) entries.push(`${name}: ${store}`);
      }
      database.close();
    }
    return [await caches.keys(), files, entries, Object.keys(localStorage)].flat();
  });

describe('the models of the page', () => {
  it('are compared with their hashes, and a damaged one is said to be so', async () => {
    await button('Check the files of The embedded model').click();
    await expect.poll(() => status().textContent()).toMatch(/^Checked The embedded model: all [\d.]+ MB are as they/);
    // One byte of one chunk.
    await page.evaluate(async () => {
      const models = await (await navigator.storage.getDirectory()).getDirectoryHandle('flux-srpo');
      const folder = await models.getDirectoryHandle(encodeURIComponent(new URL('./models/tiny/', location.href).href));
      for await (const handle of folder.values()) {
        const file = await (handle as FileSystemFileHandle).getFile();
        if (file.size < 100_000) continue;
        const bytes = new Uint8Array(await file.arrayBuffer());
        bytes[1000]! ^= 1;
        const writable = await (handle as FileSystemFileHandle).createWritable();
        await writable.write(bytes);
        await writable.close();
        return;
      }
    });
    await button('Check the files of The embedded model').click();
    await expect
      .poll(() => status().textContent())
      .toMatch(/^The embedded model is damaged: 1 piece, [\d.]+ [KM]B\. Using the model fetches them again\.$/);
  });

  it('are read from a folder of the disk without a copy, again after a reload once that is allowed', async () => {
    // The picker is the browser's window, which no test can press. What it gives is a real handle.
    await page.addInitScript(() => {
      const pick = async () => (await navigator.storage.getDirectory()).getDirectoryHandle('bundle', { create: true });
      Object.assign(globalThis, { showDirectoryPicker: pick });
    });
    await page.reload();
    await ready(page);
    await page.evaluate(async () => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('bundle', { create: true });
      const { files } = await (await fetch('./models/tiny/manifest.json')).json();
      for (const { path } of [{ path: 'manifest.json' }, ...files]) {
        const [name, folder] = path.split('/').reverse();
        const parent = folder === undefined ? root : await root.getDirectoryHandle(folder, { create: true });
        const writable = await (await parent.getFileHandle(name, { create: true })).createWritable();
        await (await fetch(`./models/tiny/${path}`)).body!.pipeTo(writable);
      }
    });
    const before = await page.textContent('#storage');
    await page.fill('#prompt', 'typed before');
    await button('Open a bundle’s folder…').click();
    await row('folder:bundle').and(page.locator('[aria-current=true]')).waitFor();
    // What was typed stays.
    expect(await page.inputValue('#prompt')).toBe('typed before');
    await draw(page, WISH);
    expect(await shownPicture(page)).toEqual(drawn);
    expect((await page.textContent('#storage'))!.split(';')[0]).toBe(before!.split(';')[0]);
    expect(new URL(page.url()).searchParams.get('model')).toBe(null);
    expect(await axeViolations(page)).toEqual([]);

    // On the next visit the browser wants to be asked again.
    await page.addInitScript(() => {
      let isAllowed = false;
      Object.assign(FileSystemHandle.prototype, {
        queryPermission: async () => (isAllowed ? 'granted' : 'prompt'),
        requestPermission: async () => {
          isAllowed = true;
          return 'granted';
        },
      });
    });
    await page.reload();
    await ready(page);
    await row('folder:bundle').getByRole('button', { name: 'Use this model' }).click();
    await row('folder:bundle').and(page.locator('[aria-current=true]')).waitFor();
    await draw(page, WISH);
    expect(await shownPicture(page)).toEqual(drawn);
    await button('Forget the folder bundle; its files stay').click();
    expect(await row('folder:bundle').count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('models-title');
  });

  it('are read from a folder where the browser has no picker, for this visit', async () => {
    await page.addInitScript(() => Object.assign(globalThis, { showDirectoryPicker: undefined }));
    await page.reload();
    await ready(page);
    await page.setInputFiles('#model-folder', BUNDLE);
    await row('folder:bundle').and(page.locator('[aria-current=true]')).waitFor();
    expect(await row('folder:bundle').textContent()).toContain('This browser does not remember it');
    await draw(page, WISH);
    expect(await shownPicture(page)).toEqual(drawn);
    await page.setInputFiles('#model-folder', `${BUNDLE}/tokenizer`);
    await row('folder:tokenizer').getByRole('alert').waitFor();
    expect(await row('folder:tokenizer').textContent()).toMatch(
      /must be a bundle's folder, which has a manifest\.json; got \d+ files? without one.*\(input\/file-unsupported\)/,
    );
    expect(await row('folder:bundle').getAttribute('aria-current')).toBe('true');
  });

  it('and all else that the page keeps can be deleted in one go', async () => {
    expect((await stored()).filter((name) => name!.startsWith('flux-srpo')).length).toBeGreaterThan(2);
    await button('Delete everything kept…').click();
    await button('Delete everything').click();
    await page.getByText('Everything that this page kept in this browser is deleted.').first().waitFor();
    await expect.poll(stored).toEqual([]);
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0);
    expect(await page.locator('.thumb').count()).toBe(0);
    expect(await page.textContent('#storage')).toMatch(/^Models take 0 B here;/);
    expect(await axeViolations(page)).toEqual([]);
    await button('Try again').click();
    await ready(page);
  });
});
