import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultServer } from '../support/fault-server.ts';
import { writeLargePipeline } from '../support/large-pipeline.ts';
import { randomNumbers } from '../support/random-numbers.ts';
import { KILLS, type Kill, KilledBrowser, type Told } from './support/killed-browser.ts';
import { below, type PublishedSite, servePublishedSite } from './support/published-site.ts';
import { paddedBundle, readFolder, throttled } from './support/served-models.ts';

/**
 * The published library in a browser with a profile on disk, killed at random moments. Oracles: the
 * hashes of the manifest, and of an import and a picture that nobody has disturbed.
 */

/** `npm run test:full` kills as often as test/README.md says. */
const KILL_COUNT = process.env.TEST_FULL ? 300 : 4;
const SEED = Number(process.env.KILL_SEED ?? 1);
/** Four chunks of 8 MiB are on their way at once, and what a conversion holds is less. */
const MOST_AGAIN = 32 * 2 ** 20;
/** Of the padding, in chunks of the bundle: four requests of several at once. */
const CHUNKS = 18;
const IMPORTED_BYTES = 16 * 2 ** 20;
const BYTES_PER_SECOND = 80 * 2 ** 20;
const STEPS = 12;

let site: PublishedSite;
let models: FaultServer;
let browser: KilledBrowser;
let bundleBytes: number;
let manifestBytes: number;
/** What nobody disturbed gave. */
let undisturbed: { manifest: string; picture: string; sent: number };
/** The last that the page has told. */
let told: Told = { share: 0, step: 0, stage: '' };
let onTold: (() => void) | undefined;

const model = () => `'${models.url}bundle/'`;
const IMPORT = () =>
  `create('opfs:none').storage.import({ folder: FILES }, { id: 'killed', dtype: 'q8', onProgress: report })`;
const FETCH = () => `create('opfs:none').storage.fetch(${model()}, { onProgress: report })`;
const REQUEST = `{ prompt: 'a red house on the left', seed: 7, num_inference_steps: ${STEPS}, output_format: 'b64_json' }`;
const draw = (resume: boolean) =>
  `drawn(create(${model()}), (images, onProgress) => images.generate(${REQUEST}, { resume: ${resume}, onProgress }))`;

/** What is killed, and how it goes on. */
interface Work {
  name: string;
  begin: () => string;
  goOn: (how: Kill, isOver: boolean) => Promise<void>;
}

interface Stored {
  state: string;
  code?: string;
  changed: number;
  missing: number;
}

/** Asserts that what counts as a whole model is one, and that nothing stored is wrong. */
async function expectSound(): Promise<Stored[]> {
  const stored = await browser.run<Stored[]>('return await stored()');
  for (const { state, changed, missing, code } of stored) {
    expect(changed).toBe(0);
    if (state === 'complete') expect([missing, code]).toEqual([0, undefined]);
  }
  return stored;
}

const WORKS: Work[] = [
  {
    name: 'importing',
    begin: IMPORT,
    async goOn(_how, isOver) {
      if (!isOver) expect(await browser.run(`return (await ${IMPORT()}).state`)).toBe('complete');
      expect(await expectSound()).toMatchObject([{ state: 'complete', missing: 0 }]);
      const manifests = 'return await manifests(await navigator.storage.getDirectory())';
      expect(await browser.run(manifests)).toEqual([undisturbed.manifest]);
      expect(models.sent - undisturbed.sent).toBeLessThan(MOST_AGAIN);
    },
  },
  {
    name: 'drawing',
    begin: () => draw(true),
    async goOn(how, isOver) {
      if (how === 'worker terminate' || isOver) return;
      const { step, stage } = told;
      const [picture, ...others] = await browser.run<{ id: string; steps: number }[]>(
        `return await create(${model()}).images.pending()`,
      );
      expect(others).toEqual([]);
      if (picture === undefined) {
        // It was done, and killed before it could say so.
        expect(stage).toBe('decode');
        return;
      }
      // A step is told once it is stored.
      expect(picture.steps).toBeGreaterThanOrEqual(step);
      const resumed = await browser.run<{ hash: string; steps: number[] }>(
        `return await drawn(create(${model()}), (images, onProgress) => images.resume('${picture.id}', { onProgress }))`,
      );
      expect(resumed).toEqual({
        hash: undisturbed.picture,
        steps: Array.from({ length: STEPS - picture.steps }, (_, i) => picture.steps + i),
      });
      expect(await browser.run(`return await create(${model()}).images.pending()`)).toEqual([]);
    },
  },
  {
    name: 'fetching',
    begin: FETCH,
    async goOn() {
      expect(await browser.run(`return (await ${FETCH()}).state`)).toBe('complete');
      expect(await expectSound()).toMatchObject([{ state: 'complete', missing: 0 }]);
      // Both calls ask for the manifest.
      expect(models.sent - bundleBytes - manifestBytes).toBeLessThanOrEqual(MOST_AGAIN);
    },
  },
];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-pipeline-'));
  await writeLargePipeline(folder, IMPORTED_BYTES, 256);
  const pipeline = await readFolder(folder);
  await rm(folder, { recursive: true });
  const bundle = await paddedBundle(CHUNKS);
  bundleBytes = [...bundle.values()].reduce((sum, { length }) => sum + length, 0);
  manifestBytes = bundle.get('manifest.json')!.length;
  site = await servePublishedSite(new Map([...below('bundle', bundle), ...below('pipeline', pipeline)]));
  models = site.models;
  models.fault = throttled(BYTES_PER_SECOND);
  const files = Object.fromEntries([...pipeline.keys()].map((path) => [path, `${models.url}pipeline/${path}`]));
  browser = await KilledBrowser.open(site.url, `globalThis.FILES = ${JSON.stringify(files)}`, (last) => {
    // After the steps other things are told.
    const step = Math.max(told.step, last.stage === 'decode' ? STEPS : last.step);
    told = { ...last, step };
    onTold?.();
  });
  await browser.run(`await ${IMPORT()}`);
  const { sent } = models;
  const [manifest] = await browser.run<string[]>('return await manifests(await navigator.storage.getDirectory())');
  const { hash } = await browser.run<{ hash: string }>(`return await ${draw(false)}`);
  undisturbed = { manifest: manifest!, picture: hash, sent };
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

describe(`killed ${KILL_COUNT} times at random, everything goes on`, () => {
  const random = randomNumbers(SEED);
  const kills = Array.from({ length: KILL_COUNT }, (_, i) => ({
    i,
    how: KILLS[i % KILLS.length]!,
    work: WORKS[i % WORKS.length]!,
    share: 0.95 * random(),
    delayMs: 100 * random(),
  }));

  it.each(kills)('$i: $how while $work.name', async ({ how, work, share, delayMs }) => {
    // A model that is drawn with stays, so that only the drawing is killed.
    if (work.name !== 'drawing') await browser.run('await removeAll()');
    models.sent = 0;
    told = { share: 0, step: 0, stage: '' };
    const reached = new Promise<void>((resolve) => {
      onTold = () => told.share >= share && resolve();
    });
    await browser.run(`begin(${work.begin()})`);
    await reached;
    await sleep(delayMs);
    await browser.kill(how);
    if (how === 'worker terminate') {
      const outcome = await browser.run<object>('return await outcome');
      if (work.name === 'drawing') expect(outcome).toMatchObject({ value: { hash: undisturbed.picture } });
      else if (!('value' in outcome)) expect(outcome).toMatchObject({ code: 'device/worker-failed' });
    }
    const stored = await expectSound();
    // The kill may have come too late to find anything to end.
    const isOver = work.name === 'drawing' ? told.share > 1 : stored.some(({ state }) => state === 'complete');
    await work.goOn(how, isOver);
  });
});
