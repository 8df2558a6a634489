import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright';
import { build, type Rolldown } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { withoutSecondRuntime } from '../../packages/images/vite.plugins.ts';
import { startServer } from '../support/server.ts';
import { axeViolations } from './support/axe.ts';
import { draw, launch, openMore, PATIENCE_MS, ready } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/** Each code that the page gives for a picture is run as it was given, and draws that picture. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BIN = join(ROOT, 'packages/cli/bin/flux-srpo.js');
const BUNDLE = join(ROOT, 'models/tiny/bundle');
/** Of 255, in a picture of six steps: onnxruntime-node and onnxruntime-web round differently. */
const MAX_DIFFERENCE = 3;
/** Those that run in a page, with what they end in. */
const IN_PAGE = { library: 'data[0].url', fetch: 'data[0].url', openai: 'data[0].url', 'ai-sdk': 'image.base64' };

const site = inject('site');
let browser: Browser;
let context: BrowserContext;
let page: Page;
let work: string;
let drawn: Awaited<ReturnType<typeof shownPicture>>;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-code-'));
  // The codes choose what computes by themselves, so here there is one choice.
  browser = await launch(['--disable-gpu', '--no-sandbox']);
  const permissions = ['clipboard-read', 'clipboard-write'];
  context = await browser.newContext({ viewport: { width: 1000, height: 900 }, permissions, serviceWorkers: 'block' });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
  await page.goto(site);
  await ready(page);
  await openMore(page);
  await page.selectOption('#acceleration', 'high');
  await draw(page, { prompt: "a red house isn't blue", steps: 6, seed: 3 });
  drawn = await shownPicture(page);
  await page.click('#code > summary');
});
afterAll(async () => {
  await browser?.close();
  await rm(work, { recursive: true, force: true });
});

async function codeFor(language: string): Promise<string> {
  await page.getByLabel('Written for').selectOption(language);
  await page.locator('#code').getByRole('button', { name: 'Copy', exact: true }).click();
  return page.evaluate(() => navigator.clipboard.readText());
}

/** How far the PNG is from the picture of the page, at most, of 255. */
async function differenceOf(png: string): Promise<number> {
  const { width, height, rgba } = await shownPicture(page, png);
  expect([width, height]).toEqual([drawn.width, drawn.height]);
  return rgba.reduce((most, value, i) => Math.max(most, Math.abs(value - drawn.rgba[i]!)), 0);
}

/** Builds modules as an embedder's bundler does. @returns the files by path */
async function bundle(codes: ReadonlyMap<string, string>): Promise<Map<string, string | Uint8Array>> {
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  const built = (await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    base: './',
    worker: { format: 'es', plugins: () => [withoutSecondRuntime()] },
    plugins: [
      {
        name: 'codes',
        enforce: 'pre',
        resolveId: (id) => (codes.has(id) ? join(ROOT, id) : undefined),
        load: (id) => codes.get(basename(id)),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: {
        input: Object.fromEntries([...codes.keys()].map((name) => [name, name])),
        preserveEntrySignatures: 'strict',
        output: { entryFileNames: '[name].js' },
      },
    },
  })) as Rolldown.RolldownOutput;
  process.env.NODE_ENV = NODE_ENV;
  return new Map(built.output.map((file) => [file.fileName, file.type === 'chunk' ? file.code : file.source]));
}

describe('the code of a picture', () => {
  it('draws the same pixels in a page: this library, fetch, openai, AI SDK', async () => {
    const codes = new Map<string, string>();
    for (const [language, result] of Object.entries(IN_PAGE)) {
      codes.set(`code-${language}`, `${await codeFor(language)}\nexport const picture = ${result};\n`);
    }
    expect(await axeViolations(page)).toEqual([]);
    const files = await bundle(codes);
    // Beside the page, as a site of its own would have them.
    await context.route(`${site}code/**`, (route) => {
      const path = new URL(route.request().url()).pathname.replace(/^.*\/code\//, '');
      const body = path === '' ? '<!doctype html>' : files.get(path);
      const contentType = path === '' ? 'text/html' : path.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
      return body === undefined ? route.abort() : route.fulfill({ contentType, body: Buffer.from(body) });
    });
    const embedder = await context.newPage();
    await embedder.goto(`${site}code/`);
    for (const language of codes.keys()) {
      // As text: the tests' own build would change an import.
      const picture: string = await embedder.evaluate(
        `import('${site}code/${language}.js').then(({ picture }) => picture)`,
      );
      const png = picture.startsWith('blob:')
        ? await embedder.evaluate(async (url) => {
            const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
            return `data:image/png;base64,${btoa(String.fromCharCode(...bytes))}`;
          }, picture)
        : `data:image/png;base64,${picture}`;
      expect([language, await differenceOf(png)]).toEqual([language, 0]);
    }
    await embedder.close();
  });

  it('draws it with curl and on the command line', async () => {
    const server = await startServer(BUNDLE);
    const curl = (await codeFor('curl')).replace('http://127.0.0.1:8080', server.url);
    const { stdout } = await promisify(execFile)('sh', ['-c', curl], { maxBuffer: 1e8 });
    const [picture] = JSON.parse(stdout).data;
    const drawnThere = Buffer.from(await (await fetch(picture.url)).arrayBuffer());
    await server.stop();
    const out = join(work, 'house.png');
    const command = (await codeFor('cli'))
      .replace('npx flux-srpo', `'${process.execPath}' '${BIN}'`)
      .replace('<folder of the bundle>', `'${BUNDLE}'`)
      .replace('picture.png', `'${out}'`);
    await promisify(execFile)('sh', ['-c', command]);
    const pngs = { curl: drawnThere, cli: await readFile(out) };
    for (const [language, png] of Object.entries(pngs)) {
      const difference = await differenceOf(`data:image/png;base64,${png.toString('base64')}`);
      console.log(`${language}: ${difference} of 255`);
      expect(difference).toBeLessThanOrEqual(MAX_DIFFERENCE);
    }
  });
});
