import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'modern-gif';
import { type Browser, chromium, type Page } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from './lib/chromium.mjs';
import { serveDemo } from './lib/serve-demo.ts';

// `npm run screenshots`: takes the two pictures of README.md, which show the real page while the
// embedded model draws, and one of every screen at three widths in both themes, to look at.

const IMAGES = fileURLToPath(new URL('../docs/images', import.meta.url));

const SCREENS = fileURLToPath(new URL('../.cache/screens', import.meta.url));
const WIDTHS = [360, 768, 1440];

const WIDTH = 900;
const PROMPT = 'a red cat left of a small yellow house in the snow, at night';
const SEED = 1;

/**
 * Milliseconds that a frame is shown: per typed letter, for the finished picture, and at least. GIF
 * rounds to tens.
 */
const DELAY_MS = { letter: 60, finished: 4000, least: 20 };

interface Frame {
  png: string;
  delay: number;
}

/** Types the prompt and draws, and takes a picture of header and form again and again. */
async function record(page: Page): Promise<Frame[]> {
  const main = await page.locator('main').boundingBox();
  if (main === null) throw new Error('the page must show its form, got none');
  const clip = { x: 0, y: 0, width: WIDTH, height: Math.ceil(main.y + main.height) + 16 };
  const shoot = async () => (await page.screenshot({ clip, caret: 'initial' })).toString('base64');

  const frames: Frame[] = [];
  const show = (png: string, delay: number) => {
    const last = frames.at(-1);
    if (last?.png === png) last.delay += delay;
    else frames.push({ png, delay });
  };
  for (let end = 0; end <= PROMPT.length; end += 3) {
    await page.fill('#prompt', PROMPT.slice(0, end));
    show(await shoot(), 3 * DELAY_MS.letter);
  }
  await page.fill('#prompt', PROMPT);
  await page.click('#generate');
  let isDone = false;
  while (!isDone) {
    const start = performance.now();
    isDone = (await page.textContent('#stage'))?.startsWith('Done') ?? false;
    const png = await shoot();
    show(png, isDone ? DELAY_MS.finished : Math.max(DELAY_MS.least, performance.now() - start));
  }
  return frames;
}

/** Decodes a PNG in the browser: [H, W, 4] bytes. */
async function decode(
  page: Page,
  png: string,
): Promise<{ width: number; height: number; rgba: Uint8ClampedArray<ArrayBuffer> }> {
  const { width, height, base64 } = await page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
    const url = await new Promise<string>((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result as string);
      reader.readAsDataURL(new Blob([pixels]));
    });
    return { width: bitmap.width, height: bitmap.height, base64: url.slice(url.indexOf(',') + 1) };
  }, png);
  return { width, height, rgba: new Uint8ClampedArray(Buffer.from(base64, 'base64')) };
}

async function toGif(browser: Browser, frames: readonly Frame[]): Promise<Uint8Array> {
  const page = await browser.newPage();
  const pictures = [];
  for (const { png, delay } of frames) pictures.push({ ...(await decode(page, png)), delay });
  const { width, height } = pictures[0]!;
  const gif = await encode({
    width,
    height,
    looped: true,
    frames: pictures.map(({ rgba, delay }) => ({ data: rgba, width, height, delay: 10 * Math.round(delay / 10) })),
  });
  return new Uint8Array(gif);
}

/** Takes the page as it is now, at each width and in both themes. */
async function shootAll(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(SCREENS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
    }
  }
}

/** Opens what is folded in the page, from the outside in. */
async function unfold(page: Page): Promise<void> {
  for (const summary of await page.locator('details:not([open]) > summary').all()) {
    if (await summary.isVisible()) await summary.click();
  }
  if ((await page.locator('details:not([open]) > summary:visible').count()) > 0) await unfold(page);
}

/** Goes through every screen as a person would. */
async function shootScreens(page: Page, url: string): Promise<void> {
  const isDone = () => page.waitForSelector('#cancel', { state: 'hidden' });
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  // The model's answer is held back, so that the page stays at opening it.
  const isModel = (address: URL) => address.pathname.includes('/models/tiny/weights/');
  await page.route(isModel, () => undefined);
  await page.goto(`${url}?backend=wasm`);
  await page.waitForSelector('#cancel-opening');
  await shootAll(page, 'opening');
  await page.unroute(isModel);
  await page.goto(`${url}?backend=wasm`);
  await page.waitForSelector('#generate:enabled');
  await shootAll(page, 'ready');
  await page.click('#more > summary');
  await page.fill('#steps', '1000');
  await page.click('#generate');
  await page.fill('#prompt', PROMPT);
  await page.click('#generate');
  await page.waitForSelector('#preview');
  await shootAll(page, 'running');
  await page.click('text=Remove');
  await page.click('#cancel');
  await isDone();
  await page.fill('#steps', '28');
  await page.click('#generate');
  await isDone();
  await page.click('#how > summary');
  await page.click('#code > summary');
  await shootAll(page, 'done');
  await page.fill('#n', '3');
  await page.click('#generate');
  await isDone();
  await shootAll(page, 'batch');
  await page.locator('.thumb').first().click();
  await press('Compare');
  await page.locator('.thumb').last().click();
  await shootAll(page, 'compared');
  await press('Delete all…');
  await shootAll(page, 'asked');
  await press('Keep them');
  await unfold(page);
  await shootAll(page, 'unfolded');
  await page.fill('#prompt', 'a red house '.repeat(30));
  await page.fill('#n', '1');
  await page.fill('#steps', '1');
  await page.click('#generate');
  await isDone();
  await shootAll(page, 'warned');
  await page.goto(`${url}?model=opfs:none`);
  await page.waitForSelector('#error:not([hidden])');
  await shootAll(page, 'failed');
}

const server = await serveDemo();
const executablePath = findChromium();
const browser = await chromium.launch({
  args: CHROMIUM_ARGS,
  ...(executablePath === undefined ? {} : { executablePath }),
});
try {
  const page = await browser.newPage({
    viewport: { width: WIDTH, height: 1200 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  page.setDefaultTimeout(5 * 60_000);
  // Without motion, because a picture that still fades in would be the last frame.
  await page.goto(`${server.url}?backend=wasm`);
  await page.waitForSelector('#generate:enabled');
  await page.fill('#seed', String(SEED));
  const frames = await record(page);
  await mkdir(IMAGES, { recursive: true });
  await writeFile(join(IMAGES, 'page.png'), Buffer.from(frames.at(-1)!.png, 'base64'));
  await writeFile(join(IMAGES, 'drawing.gif'), await toGif(browser, frames));
  console.log(`docs/images/page.png and drawing.gif, of ${frames.length} frames`);
  await mkdir(SCREENS, { recursive: true });
  await shootScreens(page, server.url);
  console.log(SCREENS);
} finally {
  await browser.close();
  await server.close();
}
