import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startServer } from '../support/server.ts';
import { axeViolations } from './support/axe.ts';
import { done, draw, fill, launch, PATIENCE_MS, ready } from './support/maker.ts';
import { openOffline } from './support/open-offline.ts';
import { shownPicture } from './support/shown-picture.ts';

/** The page and the network: slow, none, and a server that draws. */

const BUNDLE = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));
const KEY = 'sk-canary';

const site = inject('site');
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
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
      const root = await navigator.storage.getDirectory();
      await root.removeEntry('flux-srpo', { recursive: true });
    });
    await throttle(1.6e6 / 8);
    await page.reload();
    await page.fill('#prompt', 'typed meanwhile');
    const seconds = new Set<string>();
    const listen = async () =>
      seconds.add(/ · (\d+) s$/.exec((await page.textContent('#stage')) ?? '')?.[1] ?? '0').size;
    await expect.poll(listen, { interval: 200 }).toBeGreaterThanOrEqual(4);
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
    context.setDefaultTimeout(PATIENCE_MS);
    page = await context.newPage();
    await page.goto(`${site}?backend=wasm`);
    await ready(page);
    await openOffline(page);
    await draw(page, { prompt: 'a red house', steps: 2, seed: 1 });
    expect(await page.isVisible('#picture')).toBe(true);
    await context.setOffline(false);
  });

  it('keeps nothing of a version that came in half, and lets a new one take over when the old page is closed', async () => {
    let isCut = true;
    let [asked, cuts] = [0, 0];
    let version = '';
    const host = await startHost(async (path, isForKeeping, response) => {
      if (isForKeeping) asked++;
      if (isCut && isForKeeping && path.endsWith('.css')) {
        response.writeHead(200, { 'content-length': 1000 }).write('body');
        // Others come first, so that there is something to remove.
        while (asked < 10) await sleep(10);
        response.destroy();
        cuts++;
      } else if (path.endsWith('/sw.js')) {
        const script = await (await fetch(new URL(path, site))).text();
        response.setHeader('content-type', 'text/javascript').end(script.replace('VERSION = "', `$&${version}`));
      } else if (path === '/beside') response.setHeader('content-type', 'text/html').end('another page');
      else return false;
      return true;
    });
    const { port } = host.address() as AddressInfo;
    const { pathname: scope } = new URL(site);
    const visit = async (path = scope) => {
      const visitor = await context.newPage();
      await visitor.goto(`http://127.0.0.1:${port}${path}`);
      return visitor;
    };
    const kept = (visitor: Page) =>
      visitor.evaluate(async (scope) => {
        const { active, waiting } = (await navigator.serviceWorker.getRegistration(scope)) ?? {};
        const names = (await caches.keys()).filter((name) => name.startsWith('flux-srpo-page '));
        const counts = await Promise.all(names.map(async (name) => (await (await caches.open(name)).keys()).length));
        const versions = names.map((name) => name.replace('flux-srpo-page ', '').slice(0, 3));
        return { isActive: active?.state === 'activated', isWaiting: waiting !== null, versions, counts };
      }, scope);
    const first = await visit();
    // A worker is registered while it is installed, and no longer once that has failed.
    const isRegistered = () =>
      first.evaluate(async () => (await navigator.serviceWorker.getRegistration()) !== undefined);
    await expect.poll(async () => cuts > 0 && !(await isRegistered())).toBe(true);
    expect((await kept(first)).counts).toEqual([0]);
    isCut = false;
    await first.reload();
    await expect.poll(async () => (await kept(first)).isActive).toBe(true);
    const old = await kept(first);
    expect(old.counts[0]).toBeGreaterThan(5);

    version = 'new';
    await first.reload();
    await expect.poll(async () => (await kept(first)).isWaiting).toBe(true);
    expect((await kept(first)).versions.toSorted()).toEqual([...old.versions, 'new'].toSorted());
    // Seen from beside the page: a visit while the old one still closes would keep its version.
    const beside = await visit('/beside');
    await first.close();
    const taken = { isActive: true, isWaiting: false, versions: ['new'], counts: old.counts };
    await expect.poll(() => kept(beside)).toEqual(taken);
    const next = await visit();
    expect(await kept(next)).toEqual(taken);
    await next.close();
    await beside.close();
    host.close();
  });

  it('sends a prompt to a server only after a question, and then says who drew', async () => {
    const here = await shownPicture(page);
    const server = await startServer(BUNDLE, { options: ['--cors', new URL(site).origin, '--api-key', KEY] });
    const url = `${server.url}/v1`;
    const sent: string[] = [];
    page.on('request', (request) => sent.push(request.postData() ?? ''));
    await page.click('#server-panel > summary');
    await page.fill('#server-baseURL', url);
    await page.fill('#server-key', KEY);
    await page.getByRole('button', { name: 'Use the server' }).click();
    await page.getByText(`Prompts go to ${new URL(url).host}`).waitFor();
    await fill(page, { prompt: 'a red house', steps: 2, seed: 1 });
    await page.selectOption('#size', 'custom');
    await page.fill('#width', '192');
    await page.fill('#height', '144');
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
    await server.stop();
  });
});

/**
 * The same site on a host of its own, which may answer otherwise.
 *
 * @param answer whether it has answered. `isForKeeping` is what a script asks for and no element:
 *   of styles, what the service worker keeps
 */
async function startHost(
  answer: (path: string, isForKeeping: boolean, response: ServerResponse) => Promise<boolean>,
): Promise<Server> {
  const host = createServer(async ({ url = '/', headers }, response) => {
    if (await answer(url, headers['sec-fetch-dest'] === 'empty', response)) return;
    const found = await fetch(new URL(url, site));
    response.writeHead(found.status, { 'content-type': found.headers.get('content-type') ?? 'text/plain' });
    response.end(Buffer.from(await found.arrayBuffer()));
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  return host;
}
