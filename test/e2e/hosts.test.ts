import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { serveFolder } from '../support/serve-folder.ts';
import { draw, launch, PATIENCE_MS, ready } from './support/maker.ts';
import { nginxIsMissing, startNginx } from './support/nginx.ts';
import { openOffline } from './support/open-offline.ts';

/** The built page on the hosts of docs/deploy.md, as that page says. */

const folder = inject('siteFolder');
let browser: Browser;
let work: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-hosts-'));
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  await rm(work, { recursive: true, force: true });
});

const { code: policy } = (await codeBlocks('docs/deploy.md')).find(({ code }) =>
  code.startsWith("default-src 'none'"),
)!;

/** What docs/deploy.md writes into this part of nginx's settings. */
async function nginx(part: string): Promise<string> {
  return (await codeBlocks('docs/deploy.md', 'nginx')).find(({ info }) => info === part)!.code;
}

interface Visit {
  page: Page;
  /** What its policy kept from it. */
  refused: string[];
  /** Of each file that it asked for, by its path. */
  headers: Map<string, Record<string, string>>;
}

/** Opens the page and draws. */
async function visit(url: string, query = '?backend=wasm'): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const refused: string[] = [];
  const headers = new Map<string, Record<string, string>>();
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) refused.push(message.text());
  });
  page.on('response', (answer) => {
    // blob: addresses have no headers of the host.
    if (answer.url().startsWith(url)) headers.set(answer.url().slice(url.length), answer.headers());
  });
  await page.goto(url + query);
  await ready(page);
  await draw(page, { prompt: 'a red house', steps: 1, seed: 1 });
  return { page, refused, headers };
}

const header = (headers: Visit['headers'], path: RegExp, name: string) =>
  [...headers].filter(([each]) => path.test(each)).map(([, all]) => all[name]);

describe('the built page', () => {
  it('draws under the policy that the docs give, which refuses what they say', async () => {
    const server = await serveFolder(folder, { 'content-security-policy': policy.trim() });
    const { page, refused } = await visit(server.url);
    expect(refused).toEqual([]);
    // The positive control: inline scripts, pictures from elsewhere and insecure addresses.
    await page.evaluate(async () => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.isInjected = true';
      document.body.append(script);
      const picture = new Image();
      picture.src = 'https://localhost:1/x.png';
      await picture.decode().catch(() => undefined);
      await fetch('http://localhost:1/').catch(() => undefined);
    });
    const directives = ['script-src', 'img-src', 'connect-src'];
    await expect
      .poll(() => directives.filter((each) => refused.some((text) => text.includes(each))))
      .toEqual(directives);
    expect(await page.evaluate(() => 'isInjected' in globalThis)).toBe(false);
    await page.context().close();
    await server.close();
  });

  it('draws behind nginx as the docs set it up, and without a network afterwards', async ({ skip }) => {
    const missing = nginxIsMissing();
    skip(missing !== undefined, missing);
    const server = (await nginx('server')).replace('/srv/flux/', `${folder}/`);
    const url = await startNginx(await nginx('http'), server);
    const { page, refused, headers } = await visit(`${url}flux/`);
    expect(refused).toEqual([]);
    expect(header(headers, /\.wasm$/, 'content-encoding')).toEqual(['gzip']);
    expect(header(headers, /\.wasm$/, 'content-type')).toEqual(['application/wasm']);
    expect(new Set(header(headers, /^models\//, 'content-encoding'))).toEqual(new Set([undefined]));
    expect(new Set(header(headers, /^assets\//, 'cache-control'))).toEqual(
      new Set(['public, max-age=31536000, immutable']),
    );
    expect(header(headers, /^\?backend/, 'cache-control')).toEqual(['no-cache']);
    expect(new Set(header(headers, /./, 'content-security-policy'))).toEqual(new Set([policy.trim()]));
    expect((await fetch(`${url}flux/none.js`)).status).toBe(404);
    await openOffline(page);
    await draw(page, { prompt: 'a red house', steps: 1, seed: 1 });
    await page.context().close();
  });

  it('draws on a host that compresses all text, as GitHub Pages does, and without a network afterwards', async () => {
    const root = join(work, 'github');
    await cp(folder, join(root, 'repo'), { recursive: true });
    const headers = { 'cache-control': 'max-age=600', 'access-control-allow-origin': '*' };
    const server = await serveFolder(root, headers, { gzip: /\.(html|js|css|json|svg|wasm|webmanifest)$|\/$/ });
    const { page } = await visit(`${server.url}repo/`);
    await openOffline(page);
    await draw(page, { prompt: 'a red house', steps: 1, seed: 1 });
    await page.context().close();
    await server.close();
  });

  it('names the file that Cloudflare Pages refuses where a browser asks for it, and draws without', async () => {
    const pages = join(work, 'cloudflare');
    await cp(folder, pages, { recursive: true });
    const files = (await readdir(pages, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const paths = files.map((file) => join(file.parentPath, file.name));
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
    const large = paths.filter((_path, i) => sizes[i]! > 25 * 2 ** 20);
    expect(large).toEqual([expect.stringMatching(/asyncify.*\.wasm$/)]);
    await rm(large[0]!);
    // A browser that has WebGPU and cannot suspend WebAssembly, as Chromium before 137.
    for (const path of paths.filter((each) => each.endsWith('.js'))) {
      const code = await readFile(path, 'utf8');
      await writeFile(path, code.replace(/[`'"]Suspending[`'"] ?in WebAssembly/g, 'false'));
    }
    const server = await serveFolder(pages);
    const page = await browser.newPage({ serviceWorkers: 'block' });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(server.url);
    await page.waitForSelector('#error:not([hidden])');
    expect(await page.textContent('#error')).toMatch(/asyncify\S*\.wasm must be there, got status 404/);
    await page.close();
    const drawn = await visit(server.url);
    await drawn.page.context().close();
    await server.close();
  });

  it('is as large as the docs say', async () => {
    const page = await readFile(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
    const wasm = (await readdir(join(folder, 'assets'))).filter((name) => name.endsWith('.wasm'));
    expect(wasm.length).toBe(3);
    for (const name of wasm) {
      const { size } = await stat(join(folder, 'assets', name));
      expect(page).toContain(String(Math.round(size / 1e6)));
    }
  });
});
