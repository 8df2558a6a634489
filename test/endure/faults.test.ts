import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Exchange, type FaultServer, sendRange, slice } from '../support/fault-server.ts';
import { KilledBrowser } from './support/killed-browser.ts';
import { below, type PublishedSite, servePublishedSite } from './support/published-site.ts';
import { EMBEDDED, readFolder } from './support/served-models.ts';

/**
 * Faults that browsers answer in their own way, with the published library and the embedded model.
 * Oracles: the hashes of its manifest, and a picture that nobody has disturbed.
 */

const IS_FULL = Boolean(process.env.TEST_FULL);
/** A budget with which the decoder's weights are read only once the steps are done. */
const BUDGET = 30e6;
const REQUEST = `{ prompt: 'a cat', seed: 3, num_inference_steps: 6, output_format: 'b64_json' }`;

let site: PublishedSite;
let models: FaultServer;
let browser: KilledBrowser;
let told: string[] = [];
const methods = new Set<string | undefined>();
const model = () => `'${models.url}bundle/'`;
const fetchModel = () => browser.run(`return await settled(create('opfs:none').storage.fetch(${model()}))`);
const draw = (options: string) =>
  `drawn(create(${model()}, ${options}), (images, onProgress) => images.generate(${REQUEST}, { onProgress }))`;

/** Asserts that the model is whole, or that nothing counts as one. */
async function expectStored(state: 'complete' | undefined): Promise<void> {
  const stored = await browser.run<{ state: string; changed: number }[]>('return await stored()');
  for (const { changed } of stored) expect(changed).toBe(0);
  const complete = stored.find((entry) => entry.state === 'complete');
  expect(complete?.state).toBe(state);
}

beforeAll(async () => {
  site = await servePublishedSite(new Map(below('bundle', await readFolder(EMBEDDED))));
  models = site.models;
  browser = await KilledBrowser.open(site.url, '', ({ stage }) => told.push(stage));
});
afterEach(async () => {
  models.fault = () => false;
  await browser.run('await removeAll()');
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

/** What the server sends of a chunk before it is cut. */
const half = ({ range, bytes }: Exchange) => {
  const whole = slice(range, bytes);
  return whole.subarray(0, whole.length >> 1);
};
const contentRange = ({ range, bytes }: Exchange) => ({
  'content-range': `bytes ${range!.start}-${range!.end - 1}/${bytes.length}`,
});

describe('a fetch of a model', () => {
  it.each<[string, (exchange: Exchange) => unknown]>([
    [
      'a body that is cut, with a length',
      (exchange) => {
        const { response, range } = exchange;
        response.writeHead(206, { ...contentRange(exchange), 'content-length': range!.end - range!.start });
        response.write(half(exchange), () => response.socket?.end());
      },
    ],
    [
      'a body that is cut, in pieces without a length',
      (exchange) => {
        exchange.response.writeHead(206, contentRange(exchange));
        exchange.response.write(half(exchange), () => exchange.response.socket?.end());
      },
    ],
    [
      // Browsers take it for whole.
      'a body that ends early with its connection',
      (exchange) => {
        const { 'content-range': given } = contentRange(exchange);
        const head = `HTTP/1.1 206 Partial\r\nAccess-Control-Allow-Origin: *\r\nContent-Range: ${given}\r\nConnection: close\r\n\r\n`;
        exchange.response.socket!.write(head);
        exchange.response.socket!.end(half(exchange));
      },
    ],
    [
      'an answer that redirects nowhere',
      ({ response }) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    [
      'an answer that redirects to its own data',
      ({ response }) => response.writeHead(302, { location: 'data:,x' }).end(),
    ],
    ['a status 503', ({ response }) => response.writeHead(503).end()],
    [
      'wrong bytes of the right length',
      (exchange) => sendRange(exchange, new Uint8Array(slice(exchange.range, exchange.bytes).length)),
    ],
    [
      'compressed bytes that are cut',
      (exchange) => {
        const packed = gzipSync(slice(exchange.range, exchange.bytes));
        exchange.response.writeHead(206, { ...contentRange(exchange), 'content-encoding': 'gzip' });
        exchange.response.end(packed.subarray(0, packed.length >> 1));
      },
    ],
    [
      'several ranges in one body',
      ({ response }) => response.writeHead(206, { 'content-type': 'multipart/byteranges; boundary=x' }).end('--x--'),
    ],
  ])('goes on after %s', async (_, spoil) => {
    let isSpoilt = false;
    models.fault = (exchange) => {
      methods.add(exchange.request.method);
      if (isSpoilt || !exchange.path.includes('weights')) return false;
      isSpoilt = true;
      spoil(exchange);
      return true;
    };
    expect(await fetchModel()).toMatchObject({ value: { state: 'complete' } });
    expect(isSpoilt).toBe(true);
    await expectStored('complete');
  });

  it.each<[string, (exchange: Exchange) => unknown, string]>([
    ['a file that is gone', ({ response }) => response.writeHead(410).end(), 'model/not-found'],
    [
      'a server that no page may read',
      (exchange) => {
        exchange.response.removeHeader('access-control-allow-origin');
        sendRange(exchange);
      },
      'network/unreachable',
    ],
  ])('says what is wrong with %s, and keeps nothing', async (_, spoil, code) => {
    models.fault = (exchange) => {
      spoil(exchange);
      return true;
    };
    expect(await fetchModel()).toMatchObject({ code });
    await expectStored(undefined);
  });

  it('says so without a network, and asks no server before a request', async () => {
    await browser.setOffline(true);
    const told = await fetchModel().finally(() => browser.setOffline(false));
    expect(told).toMatchObject({ code: 'network/unreachable' });
    await expectStored(undefined);
    // Ranges need no question across origins: servers that answer none can serve models.
    expect(methods).toEqual(new Set(['GET', 'HEAD']));
  });

  it('does not depend on a storage that stays: a browser that does not promise that says so', async () => {
    expect(await browser.run(`return await create('opfs:none').storage.persist()`)).toBe(false);
    expect(await fetchModel()).toMatchObject({ value: { state: 'complete' } });
  });
});

describe('a picture', () => {
  it('whose model is cleared meanwhile is the same, or the error says what is gone', async () => {
    const { hash } = await browser.run<{ hash: string }>(`return await ${draw('{}')}`);
    const options = `{ memoryBudget: ${BUDGET} }`;
    const residency = `await using flux = create(${model()}, ${options}); return (await flux.load()).memory.residency`;
    expect(await browser.run(residency)).toBe('release');
    told = [];
    await browser.run(`begin(${draw(options)})`);
    await expect.poll(() => told.includes('denoise'), { timeout: 60_000, interval: 5 }).toBe(true);
    const session = await browser.session();
    await session.send('Storage.clearDataForOrigin', { origin: new URL(site.url).origin, storageTypes: 'all' });
    const outcome = await browser.run<{ value?: { hash: string }; code?: string }>('return await outcome');
    if (outcome.value === undefined) expect(outcome.code).toMatch(/^(storage|model|network)\//);
    else expect(outcome.value.hash).toBe(hash);
  });

  it('is held while its page is frozen, and goes on to the same pixels', async () => {
    const { hash } = await browser.run<{ hash: string }>(`return await ${draw('{}')}`);
    told = [];
    await browser.run(`begin(${draw('{}')})`);
    await expect.poll(() => told.includes('denoise'), { timeout: 60_000, interval: 5 }).toBe(true);
    const session = await browser.session();
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    expect(await browser.run('return await outcome')).toMatchObject({ value: { hash } });
    expect(told).not.toContain('restart');
  });

  // The software GPU tests and compiles its kernels for a minute.
  if (IS_FULL) {
    it('goes on in a new worker when the process of the GPU crashes', async () => {
      const webgpu = `{ backend: 'webgpu', hangTimeoutMs: 60_000 }`;
      const { hash } = await browser.run<{ hash: string }>(`return await ${draw(webgpu)}`);
      told = [];
      await browser.run(`begin(${draw(webgpu)})`);
      await expect.poll(() => told.includes('denoise'), { timeout: 300_000, interval: 5 }).toBe(true);
      await browser.crashGpu();
      expect(await browser.run('return await outcome')).toMatchObject({ value: { hash } });
      expect(told).toContain('restart');
    });
  }
});
