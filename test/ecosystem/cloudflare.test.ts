import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { buildPage } from '../support/build-page.ts';
import { freePort } from '../support/free-port.ts';
import { emptyApp, install } from './support/install.ts';

/** The built page behind Cloudflare Pages' own server and runtime, here and without an account. */

const WRANGLER = 'wrangler@4.86.0';
/** Of the runtime's behaviour. A version of it knows no later one. */
const BEHAVES_AS_OF = '2026-05-01';

let folder: string;
let url: string;
let server: ChildProcess;
let said = '';
let browser: Browser;

beforeAll(async () => {
  const app = await emptyApp('cloudflare');
  await install(app, [WRANGLER]);
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-cloudflare-'));
  await buildPage(folder);
  const assets = await readdir(join(folder, 'assets'));
  await rm(join(folder, 'assets', assets.find((name) => /asyncify.*\.wasm$/.test(name))!));
  const port = await freePort();
  const args = ['pages', 'dev', folder, '--ip=127.0.0.1', `--port=${port}`, `--compatibility-date=${BEHAVES_AS_OF}`];
  server = spawn(process.execPath, [join(app, 'node_modules/wrangler/bin/wrangler.js'), ...args], {
    cwd: app,
    env: { ...process.env, WRANGLER_SEND_METRICS: 'false', XDG_CONFIG_HOME: app },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ready = new Promise<void>((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data;
      if (said.includes('Ready on')) resolve();
    };
    server.stdout?.on('data', hear);
    server.stderr?.on('data', hear);
    server.once('exit', () => reject(new Error(`wrangler must serve the folder, said: ${said}`)));
  });
  await ready;
  url = `http://127.0.0.1:${port}/`;
  const executablePath = findChromium();
  browser = await chromium.launch({
    args: CHROMIUM_ARGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
});
afterAll(async () => {
  await browser?.close();
  const ended = once(server, 'exit');
  server.kill();
  await ended;
  await rm(folder, { recursive: true, force: true });
});

describe('the built page on Cloudflare Pages', () => {
  it('has the headers that its _headers ask for, and a 404 for what is missing', async () => {
    expect(said).toContain('Parsed 3 valid header rules.');
    const [, policy] = /content-security-policy: (.*)/.exec(await readFile(join(folder, '_headers'), 'utf8'))!;
    const script = (await readdir(join(folder, 'assets'))).find((name) => /^index-.*\.js$/.test(name))!;
    for (const [path, status, caching] of [
      ['', 200, 'public, max-age=0, must-revalidate'],
      [`assets/${script}`, 200, 'public, max-age=31536000, immutable'],
      ['models/tiny/manifest.json', 200, 'public, max-age=3600, no-transform'],
      ['none.js', 404, 'no-store'],
    ] as const) {
      const answer = await fetch(url + path);
      expect([path, answer.status, answer.headers.get('cache-control')]).toEqual([path, status, caching]);
      expect(answer.headers.get('content-security-policy')).toBe(policy);
    }
  });

  it('draws, although ranges are answered with the whole file, of a length that is not told', async () => {
    const { status, headers } = await fetch(`${url}models/tiny/manifest.json`, { headers: { range: 'bytes=0-9' } });
    expect([status, headers.get('content-length')]).toEqual([200, null]);
    const page = await browser.newPage();
    page.setDefaultTimeout(5 * 60_000);
    const refused: string[] = [];
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) refused.push(message.text());
    });
    await page.goto(`${url}?backend=wasm`);
    await page.waitForSelector('#generate:enabled, #error:not([hidden])');
    expect(await page.textContent('#error')).toBe('');
    await page.click('#more > summary');
    await page.fill('#steps', '1');
    await page.click('#generate');
    await page.waitForSelector('#picture');
    expect(await page.textContent('#stage')).toMatch(/^Done/);
    expect(refused).toEqual([]);
  });
});
