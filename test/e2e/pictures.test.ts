import { readFile } from 'node:fs/promises';
import { encodePng } from '@flux-srpo/formats';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { checkPicture } from '../../models/tiny/scenes/check.ts';
import { pngText } from '../support/png-text.ts';
import { axeViolations } from './support/axe.ts';
import { done, draw, fill, launch, openMore, PATIENCE_MS, ready } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/** What people do with the page, in one visit and the next. */

let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({
    viewport: { width: 1000, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write', 'notifications'],
  });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
  await page.goto(`${inject('site')}?backend=wasm`);
  await ready(page);
});
afterAll(() => browser?.close());

const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const thumbs = () => page.locator('.thumb');
const clipboard = () => page.evaluate(() => navigator.clipboard.readText());

async function download(): Promise<Buffer> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
  return readFile(await file.path());
}

async function drop(name: string, bytes: Uint8Array): Promise<void> {
  const dataTransfer = await page.evaluateHandle(
    ([fileName, base64]) => {
      const data = new DataTransfer();
      const content = Uint8Array.from(atob(base64!), (char) => char.charCodeAt(0));
      data.items.add(new File([content], fileName!, { type: 'image/png' }));
      return data;
    },
    [name, Buffer.from(bytes).toString('base64')],
  );
  await page.dispatchEvent('#frame', 'drop', { dataTransfer });
}

describe('the page', () => {
  it('says before the first picture what this machine can do, and has nothing against it', async () => {
    await expect.poll(() => page.textContent('#verdict')).toMatch(/processor.* of memory for 192 × 144\.$/);
    expect(await page.inputValue('#prompt')).toBe('a red cat left of a small yellow house in the snow, at night');
    // Each size once, by what it is.
    expect(await page.locator('#size option').allTextContents()).toEqual([
      'Square 1:1 · 160 × 160',
      'Portrait 3:4 · 144 × 192',
      'Landscape 4:3 · 192 × 144',
      'Another size…',
    ]);
    expect(await axeViolations(page)).toEqual([]);
  });

  it('draws another picture each time, until the seed is kept, which shows', async () => {
    await draw(page, { prompt: 'a red house', steps: 2 });
    const first = await page.textContent('#stage');
    expect(await page.textContent('#verdict')).toMatch(/ · [\d.]+ s a picture, as measured\.$/);
    await draw(page, {});
    expect(await page.textContent('#stage')).not.toBe(first);
    await page.click('#lock');
    expect(await page.getAttribute('#lock', 'aria-pressed')).toBe('true');
    const seed = await page.inputValue('#seed');
    expect(await page.textContent('#stage')).toMatch(new RegExp(`seed ${seed}$`));
    const kept = await shownPicture(page);
    await draw(page, {});
    expect(await shownPicture(page)).toEqual(kept);
    await page.click('#lock');
    expect(await page.inputValue('#seed')).toBe('');
  });

  it('tells in a hidden tab that the picture is done, where the browser may', async () => {
    const told = await page.evaluateHandle(() => {
      const titles: string[] = [];
      globalThis.Notification = class extends Notification {
        constructor(title: string) {
          super(title);
          titles.push(title);
        }
      };
      return titles;
    });
    await draw(page, { prompt: 'a red house', steps: 1 });
    expect(await told.jsonValue()).toEqual([]);
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
    await draw(page, {});
    expect(await told.jsonValue()).toEqual(['The picture is done']);
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: false }));
  });

  it('takes a size of its own and several pictures, and says what is no size', async () => {
    await page.selectOption('#size', 'custom');
    await page.fill('#width', '100');
    await page.click('#generate');
    expect(await page.evaluate(() => document.querySelector('#width:invalid') !== null)).toBe(true);
    await page.fill('#width', '64');
    await page.fill('#height', '48');
    await page.fill('#n', '3');
    await button('Make 3 pictures').click();
    await done(page);
    const pictures = page.locator('#frame img');
    expect(await pictures.count()).toBe(3);
    const sides = await pictures.evaluateAll((all) =>
      all.map((each) => [(each as HTMLImageElement).naturalWidth, (each as HTMLImageElement).naturalHeight]),
    );
    expect(sides).toEqual([
      [64, 48],
      [64, 48],
      [64, 48],
    ]);
    expect(await axeViolations(page)).toEqual([]);
    await page.fill('#n', '1');
    await page.selectOption('#size', 'landscape_4_3');
  });

  it('lets runs wait, and takes one back', async () => {
    const before = await thumbs().count();
    await fill(page, { steps: 1000 });
    await page.click('#generate');
    await fill(page, { prompt: 'a green boat', steps: 1 });
    await button('Queue another').click();
    await fill(page, { prompt: 'a blue cat' });
    await page.keyboard.press('Control+Enter');
    expect(await page.locator('#queue li span').allTextContents()).toEqual(['a green boat', 'a blue cat']);
    expect(await page.title()).toMatch(/^\d+ % · /);
    expect(await axeViolations(page)).toEqual([]);
    await button('Remove “a green boat”').click();
    await page.click('#cancel');
    await done(page);
    expect(await page.getAttribute('#picture', 'alt')).toBe('a blue cat');
    expect(await thumbs().count()).toBe(before + 1);
    expect(await page.title()).toBe('FLUX.1 SRPO in this tab');
  });

  it('withholds what the safety checker flags, and keeps nothing of it', async () => {
    const before = await thumbs().count();
    await page.check('#safety');
    await draw(page, { prompt: 'a yellow duck on the right on the sea, on a sunny day', steps: 28, seed: 1 });
    expect(await page.textContent('#warnings')).toContain('The safety checker withheld this picture.');
    expect(await page.locator('#frame img').count()).toBe(0);
    expect(await thumbs().count()).toBe(before);
    await page.uncheck('#safety');
  });

  it('keeps pictures over a reload: looks, compares, uses again, varies, deletes', async () => {
    const wish = { prompt: 'a red house on the left in a meadow, on a sunny day', steps: 20, seed: 1 };
    await draw(page, wish);
    const drawn = await shownPicture(page);
    expect(checkPicture(drawn.rgba, drawn.width, drawn.height)).toMatchObject({ kind: 'house', colour: 'red' });
    const count = await thumbs().count();
    await page.reload();
    await ready(page);
    await expect.poll(() => thumbs().count()).toBe(count);
    expect(await page.textContent('#gallery p')).toMatch(
      new RegExp(`^${count} pictures, [\\d.]+ KB, kept in this browser alone\\.$`),
    );
    await thumbs().first().focus();
    await page.keyboard.press('Enter');
    expect(await shownPicture(page)).toEqual(drawn);
    await page.keyboard.press('ArrowRight');
    expect(await page.getAttribute('#picture', 'alt')).toBe('a blue cat');
    await button('Compare').click();
    await thumbs().first().click();
    expect(await page.locator('#frame img').count()).toBe(2);
    expect(await axeViolations(page)).toEqual([]);
    await thumbs().first().click();
    await button('Use these settings').click();
    expect(await page.inputValue('#prompt')).toBe(wish.prompt);
    expect(await page.inputValue('#seed')).toBe('1');
    await fill(page, { steps: 1 });
    await button('Vary').click();
    await done(page);
    expect(await page.textContent('#stage')).not.toMatch(/seed 1$/);
    expect(await thumbs().count()).toBe(count + 1);
    await button('Delete').click();
    await expect.poll(() => thumbs().count()).toBe(count);
  });

  it('gives its settings back from the PNG, and the same pixels', async () => {
    await fill(page, { prompt: 'a red house, “quoted” — ünïcode', steps: 4, seed: 77 });
    await page.selectOption('#acceleration', 'high');
    await draw(page, {});
    const drawn = await shownPicture(page);
    const png = await download();
    // The name comes from the model. This one is not SRPO.
    expect(pngText(png).get('parameters')).toMatch(/, Model: "tiny, [^"]*", Model hash: /);
    await button('Copy picture').click();
    await page.getByText('The picture is copied.').first().waitFor();
    expect(await page.evaluate(async () => (await navigator.clipboard.read())[0]!.types)).toContain('image/png');
    expect(JSON.parse(pngText(png).get('flux-srpo')!)).toMatchObject({ seed: 77, steps: 4, acceleration: 'high' });
    await fill(page, { prompt: 'something else', steps: 9, seed: 5 });
    await page.selectOption('#acceleration', 'none');
    await drop('mine.png', png);
    await page.getByText('The form has the settings of mine.png.').first().waitFor();
    await page.click('#generate');
    await done(page);
    expect(await shownPicture(page)).toEqual(drawn);
    await page.selectOption('#acceleration', 'none');
    const bare = await page.screenshot({ clip: { x: 0, y: 0, width: 8, height: 8 } });
    await drop('bare.png', bare);
    await page
      .getByText(/^bare\.png does not say how it was made/)
      .first()
      .waitFor();
    expect(await page.inputValue('#seed')).toBe('77');
  });

  it('shares the file of a picture and its prompt, where the browser can', async () => {
    const shared = await page.evaluateHandle(() => {
      const seen: { name: string; type: string; text: string; base64: string }[] = [];
      Object.assign(navigator, {
        canShare: ({ files }: ShareData) => files?.length === 1,
        async share({ files, text = '' }: ShareData) {
          const [file] = files!;
          const bytes = new Uint8Array(await file!.arrayBuffer());
          const base64 = btoa([...bytes].map((byte) => String.fromCharCode(byte)).join(''));
          seen.push({ name: file!.name, type: file!.type, text, base64 });
          // As where the person closes the sheet.
          throw new DOMException('closed', 'AbortError');
        },
      });
      return seen;
    });
    await draw(page, { prompt: 'a red house', steps: 1, seed: 4 });
    await button('Share').click();
    await expect.poll(() => shared.evaluate((seen) => seen.length)).toBe(1);
    const { base64, ...said } = (await shared.jsonValue())[0]!;
    expect(said).toEqual({ name: 'flux-srpo-4.png', type: 'image/png', text: 'a red house' });
    expect(Buffer.from(base64, 'base64').equals(await download())).toBe(true);
    await page.evaluate(() => Object.assign(navigator, { canShare: undefined, share: undefined }));
  });

  it('reads what A1111 and ComfyUI wrote, and says what does not apply', async () => {
    const picture = { width: 1, height: 1, rgb: new Uint8Array(3) };
    // As the two programs write them, with what this page has not.
    const parameters =
      'a castle, sunset\nNegative prompt: blurry\nSteps: 3, Sampler: DPM++ 2M, CFG scale: 7, Seed: 12, Size: 80x112, Model: sdxl';
    await drop('a1111.png', encodePng(picture, { parameters }));
    await page.getByText('The form has the settings of a1111.png.').first().waitFor();
    await openMore(page);
    const values = async () =>
      Promise.all(['prompt', 'width', 'height', 'steps', 'seed'].map((id) => page.inputValue(`#${id}`)));
    expect(await values()).toEqual(['a castle, sunset', '80', '112', '3', '12']);
    const notes = (await page.textContent('#warnings')) ?? '';
    for (const name of ['Negative prompt', 'Sampler', 'CFG scale', 'Model']) expect(notes).toContain(name);
    const graph = {
      1: { class_type: 'CLIPTextEncode', inputs: { text: 'a boat', clip: ['9', 0] } },
      2: { class_type: 'CLIPTextEncode', inputs: { text: 'ugly', clip: ['9', 0] } },
      3: { class_type: 'EmptyLatentImage', inputs: { width: 96, height: 64, batch_size: 1 } },
      4: { class_type: 'KSampler', inputs: { seed: 99, steps: 4, cfg: 1, positive: ['1', 0], negative: ['2', 0] } },
      5: { class_type: 'LoraLoader', inputs: { lora_name: 'x', model: ['9', 0] } },
    };
    await drop('comfy.png', encodePng(picture, { prompt: JSON.stringify(graph) }));
    await page.getByText('The form has the settings of comfy.png.').first().waitFor();
    expect(await values()).toEqual(['a boat', '96', '64', '4', '99']);
    expect(await page.textContent('#warnings')).toContain('LoraLoader: this page has no such setting.');
    await page.selectOption('#size', 'landscape_4_3');
  });

  it('gives a link, which has the prompt only when asked', async () => {
    await draw(page, { prompt: "a red house isn't blue", steps: 2, seed: 3 });
    await page.click('#code > summary');
    await button('Copy a link to these settings').click();
    const link = await clipboard();
    expect(link).not.toContain('house');
    await button('Copy a link with the prompt').click();
    const other = await context.newPage();
    await other.goto(await clipboard());
    await ready(other);
    expect(await other.inputValue('#prompt')).toBe("a red house isn't blue");
    expect(await other.inputValue('#seed')).toBe('3');
    await other.close();
  });

  it('says where seconds and bytes went and what computes, in a report without the prompt', async () => {
    await page.click('#diagnostics > summary');
    const said = (await page.textContent('#diagnostics')) ?? '';
    for (const phase of ['Reading the prompt', 'Preparing', 'Denoising', 'Decoding']) expect(said).toContain(phase);
    expect(said).toMatch(/2 steps; the longest took [\d.]+ s\./);
    expect(await page.locator('#diagnostics .chart rect').count()).toBe(2);
    const [counted, planned] = /took ([\d.]+ MB) at most, as counted; ([\d.]+ MB) were planned/.exec(said)!.slice(1);
    // On the CPU the runtime's own buffers are not counted, so what is counted is less.
    expect(Number.parseFloat(counted!)).toBeGreaterThan(1);
    expect(Number.parseFloat(counted!)).toBeLessThanOrEqual(Number.parseFloat(planned!));
    expect(await page.textContent('#compute')).toMatch(
      /The processor, in WebAssembly.*onnxruntime 1\.\d+\.\d+.*32 bits.*Not needed on the processor/,
    );
    expect(await axeViolations(page)).toEqual([]);
    await page.locator('#diagnostics').getByRole('button', { name: 'Copy a report' }).click();
    const report = await clipboard();
    expect(report).not.toContain('house');
    for (const part of ['"precision":"f32"', '"steps":[', '"counted":', 'Chrome/']) expect(report).toContain(part);
    await page.click('#diagnostics > summary');
  });

  it('deletes all pictures when told twice', async () => {
    await button('Delete all…').click();
    await button('Keep them').click();
    expect(await thumbs().count()).toBeGreaterThan(3);
    await button('Delete all…').click();
    await button('Delete all').click();
    await page.getByText('All pictures are deleted.').first().waitFor();
    await page.reload();
    await ready(page);
    expect(await thumbs().count()).toBe(0);
  });
});
