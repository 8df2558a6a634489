import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { axeViolations } from './support/axe.ts';
import { done, draw, fill, launch, ready } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/** The page and the network: slow, none, and a server that draws. */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const BUNDLE = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));
const KEY = 'sk-canary';

const site = inject('site');
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
});
afterAll(() => browser?.close());

describe('the page', () => {
  it('on a slow line says each second how far it is, lets go when told, and tries again', async () => {
    const session = await context.newCDPSession(page);
    const throttle = (bytesPerSecond: number) =>
      session.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 50,
        downloadThroughput: bytesPerSecond,
        uploadThroughput: bytesPerSecond,
      });
    await page.goto(`${site}?backend=wasm`);
    await ready(page);
    // The page is here; what it needs to draw comes at 1.6 Mbit/s.
    await page.evaluate(async () => {
      for (const name of await caches.keys()) if (name.includes('/models/')) await caches.delete(name);
    });
    await throttle(1.6e6 / 8);
    await page.reload();
    await page.fill('#prompt', 'typed meanwhile');
    const said = new Set<string | null>();
    for (let second = 0; second < 4; second++) {
      said.add(await page.textContent('#stage'));
      await page.waitForTimeout(1500);
    }
    expect(said.size).toBe(4);
    expect([...said].at(-1)).toMatch(/ · \d+ s$/);
    await page.click('#cancel-opening');
    await page.getByText('Opening the model was cancelled.').waitFor();
    expect(await axeViolations(page)).toEqual([]);
    await throttle(-1);
    await page.getByRole('button', { name: 'Try again' }).click();
    await ready(page);
    expect(await page.inputValue('#prompt')).toBe('typed meanwhile');
  });

  it('opens and draws without a network after the first visit', async () => {
    await context.close();
    context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
    page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(`${site}?backend=wasm`);
    await ready(page);
    await expect
      .poll(
        () =>
          page.evaluate(async () => {
            const name = (await caches.keys()).find((each) => each.startsWith('flux-srpo-page '));
            const keys = name === undefined ? [] : await (await caches.open(name)).keys();
            return keys.some(({ url }) => url.endsWith('.wasm'));
          }),
        { timeout: 60_000 },
      )
      .toBe(true);
    await context.setOffline(true);
    await page.reload();
    await ready(page);
    await draw(page, { prompt: 'a red house', steps: 2, seed: 1 });
    expect(await page.isVisible('#picture')).toBe(true);
    await context.setOffline(false);
  });

  it('sends a prompt to a server only after a question, and then says who drew', async () => {
    const here = await shownPicture(page);
    const options = ['--port', '0', '--cors', new URL(site).origin, '--api-key', KEY];
    const server = spawn(process.execPath, [BIN, 'serve', '--model', BUNDLE, ...options]);
    const url = await new Promise<string>((resolve) => {
      let text = '';
      server.stdout.on('data', (data) => {
        text += data;
        const address = / at (http:\S+)\/v1\n/.exec(text)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    await page.click('#server-panel > summary');
    await page.fill('#server-baseURL', url);
    await page.fill('#server-key', KEY);
    await page.getByRole('button', { name: 'Use the server' }).click();
    await page.getByText(`Prompts go to ${new URL(url).host}`).waitFor();
    await fill(page, { prompt: 'a red house', steps: 2, seed: 1 });
    await page.selectOption('#size', 'custom');
    await page.fill('#width', '112');
    await page.fill('#height', '80');
    await page.click('#generate');
    await page.getByRole('button', { name: 'Do not send' }).click();
    expect(sent.filter((body) => body.includes('house'))).toEqual([]);
    await page.click('#generate');
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Send them' }).click();
    await page.getByText(`Made by ${new URL(url).host}`).waitFor();
    await done(page);
    expect(sent.filter((body) => body.includes('house')).length).toBe(1);
    // Node's runtime and the browser's round differently.
    const there = await shownPicture(page);
    let most = 0;
    for (const [i, value] of there.rgba.entries()) most = Math.max(most, Math.abs(value - here.rgba[i]!));
    expect(most).toBeLessThanOrEqual(3);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href]));
    expect(kept).not.toContain(KEY);
    await page.getByRole('button', { name: 'Draw on this machine again' }).click();
    await page.getByText('neither prompt nor picture leaves the tab').waitFor();
    server.kill('SIGINT');
  });
});
