import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type StandInHub, startHub } from '../support/hub.ts';
import { readNodeFixture } from '../support/node-fixtures.ts';
import { putSmallFlux } from '../support/small-flux.ts';
import { axeViolations } from './support/axe.ts';
import { done, fill, launch, PATIENCE_MS } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/**
 * From the button to a picture, on a stand-in of the hub. Oracles: the picture that the command
 * line draws of the same recipe, and a token that occurs nowhere else, as the hosts see it.
 */

const BIN = fileURLToPath(new URL('../../packages/cli/bin/flux-srpo.js', import.meta.url));
const CANARY = 'hf_canaryQmFzZTY0aXNoTm9uc2Vuc2U';
const PROMPT = 'a red house';
/** Of 255, in a picture of one step: onnxruntime-node and onnxruntime-web round differently. */
const MAX_DIFFERENCE = 2;

let hub: StandInHub;
const site = inject('site');
let browser: Browser;
let page: Page;
let work: string;
const said: string[] = [];

beforeAll(async () => {
  hub = await startHub();
  await putSmallFlux(hub, readNodeFixture);
  // The first T5 of the recipe is not there; the next one takes its place.
  const [q4, q8] = ['Q4_K_M', 'Q8_0'].map((type) => `city96/t5-v1_1-xxl-encoder-gguf/t5-v1_1-xxl-encoder-${type}.gguf`);
  hub.files.set(q8!, hub.files.get(q4!)!);
  hub.files.delete(q4!);
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => said.push(message.text()));
  page.on('request', (request) => said.push(request.url() + (request.postData() ?? '')));
  work = await mkdtemp(join(tmpdir(), 'flux-srpo-e2e-recipe-'));
  await open(page, `?backend=wasm&hub=${hub.endpoint}`);
});
afterAll(async () => {
  await browser?.close();
  await hub?.close();
  await rm(work, { recursive: true, force: true });
});

async function open(page: Page, query: string): Promise<void> {
  await page.goto(site + query);
  await page.waitForSelector('#generate:enabled');
}

const button = (name: string): Locator => page.locator('#recipe-panel').getByRole('button', { name, exact: true });

/** Waits until the panel reports the outcome. */
async function settled(page: Page): Promise<string> {
  await page.waitForSelector('#recipe-stop:disabled');
  return (await page.isVisible('#recipe-error')) ? ((await page.textContent('#recipe-error')) ?? '') : '';
}

/** A person would be too slow for so small a model. */
async function pauseAtPart(part: number): Promise<void> {
  await page.evaluate((last) => {
    const text = document.getElementById('recipe-stage')!;
    const observer = new MutationObserver(() => {
      if (Number(/Part (\d+) of/.exec(text.textContent)?.[1] ?? 0) < last) return;
      observer.disconnect();
      document.getElementById('recipe-stop')!.click();
    });
    observer.observe(text, { characterData: true, childList: true, subtree: true });
  }, part);
}

/**
 * From here on the second half of a file does not come, so that an import cannot be done before it
 * is paused.
 *
 * @returns lets it come
 */
function holdBack(path: string): () => void {
  const file = hub.files.get(path)!;
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  hub.files.set(path, {
    ...file,
    async read(start, end) {
      if (end > file.size / 2) await held;
      return file.read(start, end);
    },
  });
  return goOn;
}

describe('a recipe in the page', () => {
  it('is shown with what it takes, before anything is asked of the hub', async () => {
    await page.getByText('Get SRPO', { exact: true }).click();
    await page.locator('#recipe-list').getByRole('radio').first().waitFor();
    expect(await page.locator('#recipe-list').getByRole('radio').count()).toBe(7);
    expect(await page.getByRole('radio', { name: /SRPO \(4 bits\)/ }).isChecked()).toBe(true);
    const about = (await page.textContent('#recipe-about')) ?? '';
    expect(about).toContain('Transformer: befox/SRPO-GGUF/srpo-Q4_K.gguf');
    expect(about).toContain('11.3 GB are stored.');
    expect(about).toContain('Nobody has compared this list of files with the hub yet.');
    expect(await page.locator('#recipe-about a').getAttribute('href')).toBe('https://huggingface.co/tencent/SRPO');
    expect(await axeViolations(page)).toEqual([]);
    expect(hub.seen).toEqual([]);
  });

  it('of a gated repository says where its licence is, and then takes a token', async () => {
    hub.gated.set('befox/SRPO-GGUF', CANARY);
    await button('Check what it takes').focus();
    await page.keyboard.press('Enter');
    expect(await settled(page)).toMatch(/answered 401.*Then make a token with read access.*enter it above/s);
    expect(await page.locator('#recipe-error a').getAttribute('href')).toBe(`${hub.endpoint}/befox/SRPO-GGUF`);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByLabel('Access token of the hub, if it asks for one').fill(CANARY);
    expect(await page.textContent('#recipe-token-note')).toContain(`Sent to ${new URL(hub.endpoint).host} alone`);
    await button('Check what it takes').click();
    expect(await settled(page)).toBe('');
    expect(await page.textContent('#recipe-forecast')).toMatch(
      /9\.02 million parameters, 6\.\d+ MB to read.*It fits.*The CPU of this machine computes it, which is slow\. A picture of 1024 × 768 takes/,
    );
    expect(await page.isHidden('#recipe-obstacles')).toBe(true);
  });

  it('starts only where its licence is accepted, pauses, and goes on after a reload', async () => {
    const asked = hub.seen.length;
    await button('Get it').click();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('recipe-accept');
    expect(hub.seen.length).toBe(asked);
    await page.getByLabel('I have read this licence and accept it.').check();
    hub.signedFor = 4;
    await pauseAtPart(5);
    const goOn = holdBack('Comfy-Org/Lumina_Image_2.0_Repackaged/split_files/vae/ae.safetensors');
    await button('Get it').click();
    await page.waitForFunction(() => document.getElementById('recipe-stage')!.textContent!.startsWith('Paused.'));
    goOn();
    expect(await button('Go on').isEnabled()).toBe(true);
    expect(await axeViolations(page)).toEqual([]);
    await open(page, `?backend=wasm&hub=${hub.endpoint}`);
    await page.getByRole('button', { name: 'Continue with srpo-q4' }).click();
    await page.waitForFunction(() => document.activeElement?.id === 'recipe-accept');
    await page.keyboard.press('Space');
    await page.getByText('More: access token, mirror, name').click();
    await page.fill('#recipe-token', CANARY);
    await button('Check what it takes').click();
    expect(await settled(page)).toBe('');
    expect(await page.textContent('#recipe-forecast')).toMatch(/An interrupted import left .*B of it/);
    await button('Get it').click();
    await page.waitForFunction(() => document.activeElement?.id === 'prompt');
    expect(await page.textContent('#recipe-stage')).toMatch(/^Imported, continued from where it had stopped: FLUX\.1/);
    const notes = await page.locator('#recipe-notices p').allTextContents();
    expect(notes.filter((note) => note.startsWith('The files do not say this, so it is assumed: '))).not.toEqual([]);
    expect(notes).toContainEqual(
      expect.stringMatching(/sources\.t5\[0\] .* answered 404\. Taken in its place: .*t5\[1\]/),
    );
  });

  it('opens by itself, and draws what the command line draws of it', async () => {
    expect(page.url()).toContain('model=opfs%3Asrpo-q4');
    expect(await page.textContent('#model')).toContain('FLUX.1 [dev] SRPO (4 bits)');
    expect(await page.textContent('#licence')).toContain('tencent-hunyuan-community');
    await page.selectOption('#size', 'square');
    await fill(page, { prompt: PROMPT, steps: 1, seed: 1 });
    await page.click('#generate');
    await done(page);
    const shown = await shownPicture(page);

    const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HOME: work, HF_TOKEN: CANARY };
    const run = (...args: string[]) => promisify(execFile)(process.execPath, [BIN, ...args], { env });
    const [bundle, png] = [join(work, 'srpo'), join(work, 'house.png')];
    hub.signedFor = Number.POSITIVE_INFINITY;
    await run('convert', '--recipe', 'srpo-q4', '--accept-license', '--out', bundle);
    const picture = ['--prompt', PROMPT, '--size', 'square', '--steps', '1', '--seed', '1', '--out', png];
    await run('generate', '--model', bundle, ...picture);
    const drawn = await shownPicture(page, `data:image/png;base64,${(await readFile(png)).toString('base64')}`);
    expect([shown.width, shown.height]).toEqual([drawn.width, drawn.height]);
    let most = 0;
    for (const [i, value] of drawn.rgba.entries()) most = Math.max(most, Math.abs(value - shown.rgba[i]!));
    console.log(`largest difference to the command line's picture: ${most} of 255`);
    expect(most).toBeLessThanOrEqual(MAX_DIFFERENCE);
    expect(new Set(drawn.rgba).size).toBeGreaterThan(50);
  });

  it('shows the token to the hub alone, and keeps it nowhere', async () => {
    const pageRequests = hub.seen.filter(({ method }) => method !== 'OPTIONS');
    const tokens = (name: string) =>
      new Set(pageRequests.filter(({ host }) => host === name).map(({ authorization }) => authorization));
    expect(tokens('hub')).toEqual(new Set([undefined, `Bearer ${CANARY}`]));
    expect(tokens('files')).toEqual(new Set([undefined]));
    expect(await page.inputValue('#recipe-token')).toBe('');
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.cookie]),
    );
    expect([...said, kept].filter((text) => text.includes('canary'))).toEqual([]);
  });
});

describe('a recipe on a machine without WebGPU', () => {
  it('is not imported unless the user chooses that a second time', async () => {
    hub.gated.clear();
    const browser = await launch(['--disable-gpu', '--no-sandbox']);
    const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
    await open(page, `?hub=${hub.endpoint}`);
    await page.getByText('Get SRPO', { exact: true }).click();
    await page.check('#recipe-accept');
    await page.click('#recipe-check');
    expect(await settled(page)).toBe('');
    await page.getByText(/^This machine cannot draw with it: .*WebGPU/).waitFor();
    expect(await page.isEnabled('#recipe-start')).toBe(false);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByLabel('Get it all the same.').check();
    await page.click('#recipe-start');
    // The page keeps the model that it has, and the new one's row says why it cannot be opened.
    const row = page.locator('[data-model="opfs:srpo-q4"]');
    await row.getByRole('alert').waitFor();
    expect(await row.getByRole('alert').textContent()).toMatch(/\(device\/no-webgpu\)/);
    expect(
      await row.getByRole('button', { name: 'Use this model' }).evaluate((use) => use === document.activeElement),
    ).toBe(true);
    expect(await page.textContent('#model')).toContain('tiny');
    expect(await page.isEnabled('#generate')).toBe(true);
    expect(page.url()).not.toContain('model=');

    // Where the address names it, each way on is shown.
    await page.goto(`${site}?hub=${hub.endpoint}&model=opfs:srpo-q4`);
    await page.waitForSelector('#error:not([hidden])');
    await expect.poll(() => page.textContent('#verdict')).toMatch(/^This machine cannot run the model: .*WebGPU/);
    for (const name of ['Try again', 'Use the embedded model', 'Choose another model', 'Copy a report']) {
      expect(await page.getByRole('button', { name }).isVisible()).toBe(true);
    }
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('link', { name: 'Use the processor instead' }).click();
    await page.waitForSelector('#generate:enabled');
    expect(await page.textContent('#model')).toContain('SRPO');
    await browser.close();
  });
});
