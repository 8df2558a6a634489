import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { createFluxSrpo, FluxSrpo, ImageRequestNonStreaming } from 'flux-srpo';
import { type Browser, chromium } from 'playwright';
import { build, createServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumOptions } from '../../scripts/lib/chromium.mjs';
import { installPacked } from '../support/packed.ts';
import { writePlainSite } from '../support/plain-site.ts';
import { serveFolder } from '../support/serve-folder.ts';
import { writeBundle, writePipeline } from '../support/write-fixture.ts';

/**
 * The package as people install it, in a page as people write it.
 */

/** Draws a picture with the fixture's random weights. The parity tests check its content. */
const script = (library: string, options: string) => `
  import { createFluxSrpo } from '${library}';
  const flux = createFluxSrpo({ model: './model/', backend: 'wasm', ${options} });
  try {
    const { model } = await flux.load();
    const request = { model, prompt: 'a red house', size: '48x80', num_inference_steps: 2, seed: 7 };
    Object.assign(window, { createFluxSrpo, flux, request });
    const { data, seed } = await flux.images.generate(request);
    const picture = document.querySelector('img');
    picture.src = data[0].url;
    await picture.decode();
    document.title = ['done', seed, picture.naturalWidth, picture.naturalHeight, crossOriginIsolated].join(' ');
  } catch (error) {
    document.title = 'failed ' + error;
  }
`;

/** The same with a model that is first imported from URLs and from a file of the page's own. */
const importScript = (library: string, paths: readonly string[]) => `
  import { createFluxSrpo } from '${library}';
  const urls = Object.fromEntries(${JSON.stringify(paths)}.map((path) => [path, './pipeline/' + path]));
  const vae = 'vae/diffusion_pytorch_model.safetensors';
  const flux = createFluxSrpo({ model: 'opfs:mine', backend: 'wasm', workerUrl: './flux-srpo/standalone/worker.js' });
  try {
    const file = new File([await (await fetch(urls[vae])).blob()], 'ae.safetensors');
    const sources = { folder: urls, vae: file };
    const { parts } = await flux.storage.foresee(sources, { id: 'mine', dtype: 'q8' });
    let done = 0;
    const { state } = await flux.storage.import(sources, { id: 'mine', dtype: 'q8', onProgress: (progress) => { done = progress.parts.done; } });
    const { model } = await flux.load();
    const { data, seed } = await flux.images.generate({
      model, prompt: 'a red house', size: '48x80', num_inference_steps: 2, seed: 7, output_format: 'url',
    });
    const picture = document.querySelector('img');
    picture.src = data[0].url;
    await picture.decode();
    document.title = ['done', state, done === parts, seed, picture.naturalWidth, picture.naturalHeight].join(' ');
  } catch (error) {
    document.title = 'failed ' + error;
  }
`;

/** What the script leaves on the page for tests to use. */
interface Page {
  createFluxSrpo: typeof createFluxSrpo;
  flux: FluxSrpo;
  request: ImageRequestNonStreaming;
}

let folder: string;
let app: string;
/** For a picture on a busy machine. */
const PATIENCE_MS = 5 * 60_000;

let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-packed-'));
  app = join(folder, 'app');
  await installPacked(app);
  await writeBundle('a-3x32', join(folder, 'model'));
  browser = await chromium.launch(chromiumOptions());
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Opens a page; gives its final title and the hosts that it sent requests to. */
async function visit(url: string): Promise<{ title: string; hosts: string[] }> {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  await page.goto(url);
  await page.waitForFunction(() => /^(done|failed)/.test(document.title));
  const title = await page.title();
  await page.close();
  // blob: and data: URLs have no host.
  return { title, hosts: [...hosts].filter(Boolean) };
}

describe('the packed library', () => {
  it('generates in a site that Vite built', async () => {
    await writeFile(join(app, 'index.html'), '<!doctype html><img><script type="module" src="/main.js"></script>');
    await writeFile(join(app, 'main.js'), script('flux-srpo', ''));
    await build({
      root: app,
      configFile: false,
      logLevel: 'error',
      // The worker loads the runtimes on demand, which a worker in one piece cannot do.
      worker: { format: 'es' },
      build: { target: 'es2022', outDir: join(folder, 'vite') },
    });
    await cp(join(folder, 'model'), join(folder, 'vite/model'), { recursive: true });
    const server = await serveFolder(join(folder, 'vite'));
    const { title, hosts } = await visit(server.url);
    await server.close();
    expect(title).toBe('done 7 48 80 false');
    expect(hosts).toEqual([new URL(server.url).host]);
  });

  it('generates on Vite’s dev server', async () => {
    await symlink(join(folder, 'model'), join(app, 'model'), 'junction');
    const server = await createServer({
      root: app,
      configFile: false,
      logLevel: 'error',
      cacheDir: join(folder, 'vite-cache'),
      worker: { format: 'es' },
      // The dependencies here are links to another folder.
      server: { port: 0, host: '127.0.0.1', hmr: false, watch: null, fs: { strict: false } },
    });
    await server.listen();
    const { title } = await visit(server.resolvedUrls!.local[0]!);
    await server.close();
    expect(title).toBe('done 7 48 80 false');
  });

  it('keeps the prompt in the tab: nothing that is sent carries it, and a loaded model needs no network', async () => {
    const server = await serveFolder(join(folder, 'vite'));
    const context = await browser.newContext({ serviceWorkers: 'block' });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const sent: string[] = [];
    context.on('request', (request) => {
      sent.push(`${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`);
    });
    const run = (prompt: string) =>
      page.evaluate(async (prompt) => {
        const { flux, request } = window as unknown as Page;
        return (await flux.images.generate({ ...request, prompt })).backend;
      }, prompt);
    await page.goto(server.url);
    await page.waitForFunction(() => /^(done|failed)/.test(document.title));
    expect(await run('first-canary')).toBe('local');
    const asked = server.requests.length;
    await context.setOffline(true);
    expect(await run('second-canary')).toBe('local');
    await context.setOffline(false);
    expect(server.requests.slice(asked)).toEqual([]);
    expect(sent.filter((text) => text.includes('canary'))).toEqual([]);
    // The control: the same recording sees the prompt where a server is used, so it would have seen
    // it above.
    const status = await page.evaluate(async () => {
      const { createFluxSrpo, request } = window as unknown as Page;
      const flux = createFluxSrpo({ backend: 'remote', remote: { baseURL: new URL('/v1', location.href).href } });
      const error = await flux.images.generate({ ...request, prompt: 'third-canary' }).catch((reason) => reason);
      return error.details.status;
    });
    expect(status).toBe(404);
    expect(sent.filter((text) => text.includes('third-canary'))).toHaveLength(1);
    await context.close();
    await server.close();
  });

  async function plainSite(name: string): Promise<string> {
    await writePlainSite(app, join(folder, name));
    return join(folder, name);
  }
  const WORKER = '/flux-srpo/standalone/worker.js';
  const CSP = {
    'content-security-policy':
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src blob:",
  };

  it('generates in a page of plain files under a strict CSP', async () => {
    const site = await plainSite('plain');
    await cp(join(folder, 'model'), join(site, 'model'), { recursive: true });
    await writeFile(join(site, 'index.html'), '<!doctype html><img><script type="module" src="main.js"></script>');
    await writeFile(
      join(site, 'main.js'),
      script('./flux-srpo/index.js', "workerUrl: './flux-srpo/standalone/worker.js'"),
    );
    const server = await serveFolder(site, CSP);
    const { title, hosts } = await visit(server.url);
    await server.close();
    expect(title).toBe('done 7 48 80 false');
    expect(hosts).toEqual([new URL(server.url).host]);
    // Requests after the page's own: the model and the runtime, each from its own folder.
    expect(server.requests).toContain('/flux-srpo/standalone/ort-wasm-simd-threaded.wasm');
    expect(server.requests.filter((path) => path === WORKER)).toHaveLength(1);
  });

  it('computes with threads, started from the one worker file, where the page is isolated', async () => {
    const site = await plainSite('isolated');
    await cp(join(folder, 'model'), join(site, 'model'), { recursive: true });
    await writeFile(join(site, 'index.html'), '<!doctype html><img><script type="module" src="main.js"></script>');
    await writeFile(join(site, 'main.js'), script('./flux-srpo/index.js', `workerUrl: '.${WORKER}', threads: 2`));
    const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    const server = await serveFolder(site, { ...CSP, ...isolated });
    const { title } = await visit(server.url);
    await server.close();
    expect(title).toBe('done 7 48 80 true');
    // The worker, and what the runtime starts beside its own thread.
    expect(server.requests.filter((path) => path === WORKER).length).toBeGreaterThan(1);
  });

  it('imports a checkpoint in a page of plain files under a strict CSP, and generates with it', async () => {
    const site = await plainSite('importing');
    const paths = await writePipeline('a-3x32', join(site, 'pipeline'));
    await writeFile(join(site, 'index.html'), '<!doctype html><img><script type="module" src="main.js"></script>');
    await writeFile(join(site, 'main.js'), importScript('./flux-srpo/index.js', paths));
    const server = await serveFolder(site, CSP);
    const { title, hosts } = await visit(server.url);
    await server.close();
    expect(title).toBe('done complete true 7 48 80');
    expect(hosts).toEqual([new URL(server.url).host]);
    expect(server.requests).toContain('/flux-srpo/import-worker.js');
  });
});
