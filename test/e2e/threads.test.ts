import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type StaticServer, serveFolder } from '../support/serve-folder.ts';
import { startServer } from '../support/server.ts';
import { draw, launch, PATIENCE_MS, ready } from './support/maker.ts';

/** What docs/embed.md tells servers to send where wasm is to compute in threads. */
const ISOLATION = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
const MODEL = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));

let browser: Browser;
let site: StaticServer;
beforeAll(async () => {
  site = await serveFolder(inject('siteFolder'), ISOLATION);
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function openPage(query: string): Promise<Page> {
  const page = await browser.newPage({ serviceWorkers: 'block' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(site.url + query);
  await ready(page);
  return page;
}

/** The PNG file of the picture that the page shows. */
async function shownFile(page: Page): Promise<Buffer> {
  const bytes = await page.evaluate(async () => {
    const { src } = document.getElementById('picture') as HTMLImageElement;
    return [...new Uint8Array(await (await fetch(src)).arrayBuffer())];
  });
  return Buffer.from(bytes);
}

describe('the built page, isolated', () => {
  it('draws in two threads the file that one draws', async () => {
    const files: Buffer[] = [];
    for (const threads of [1, 2]) {
      const before = site.requests.length;
      const page = await openPage(`?backend=wasm&threads=${threads}`);
      await draw(page, { prompt: 'a red house', steps: 4, seed: 1 });
      files.push(await shownFile(page));
      await page.close();
      // A thread beside the first fetches the modules that start it again.
      const scripts = site.requests.slice(before).filter((path) => path.endsWith('.js'));
      expect(scripts.length > new Set(scripts).size).toBe(threads > 1);
    }
    expect(files[1]!.equals(files[0]!)).toBe(true);
  });

  it('shows a picture of a server with --isolate, and of no other', async () => {
    const page = await openPage('?backend=wasm');
    const shows = async (...options: string[]) => {
      const server = await startServer(MODEL, { options: [...options, '--cors', '*'] });
      try {
        return await page.evaluate(async (url) => {
          const answer = await fetch(`${url}/v1/images/generations`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ prompt: 'a red house', num_inference_steps: 1, output_format: 'url' }),
          });
          const image = new Image();
          image.src = (await answer.json()).data[0].url;
          return image.decode().then(
            () => image.naturalWidth > 0,
            () => false,
          );
        }, server.url);
      } finally {
        await server.stop();
      }
    };
    expect([await shows('--isolate'), await shows()]).toEqual([true, false]);
    await page.close();
  });
});
