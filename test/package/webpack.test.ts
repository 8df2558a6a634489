import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import webpack, { type Configuration } from 'webpack';
import { checkPicture, compare } from '../../models/tiny/scenes/check.ts';
import { allScenes, caption } from '../../models/tiny/scenes/grammar.ts';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { codeBlocks } from '../support/docs.ts';
import { installPacked } from '../support/packed.ts';
import { serveFolder } from '../support/serve-folder.ts';

/** README's first example, as pasted, in a site that webpack built from the tarball. */

const BUNDLE = fileURLToPath(new URL('../../models/tiny/bundle', import.meta.url));

let app: string;
let site: string;
beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'flux-srpo-webpack-'));
  site = join(app, 'dist');
  await installPacked(app);
});
afterAll(() => rm(app, { recursive: true, force: true }));

/** Builds; gives webpack's warnings and errors. A build without any is good. */
async function build(config: Configuration): Promise<string[]> {
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    webpack(config, (error, stats) => (stats === undefined ? reject(error) : resolve(stats)));
  });
  const { errors, warnings } = stats.compilation;
  return [...errors, ...warnings].map(({ message }) => message);
}

/** Opens the page; gives the picture once it shows one, or the text of its first error. */
async function firstPicture(url: string): Promise<{ width: number; height: number; rgba: number[] } | string> {
  const executablePath = findChromium();
  // Without WebGPU: wasm is quick enough for a hundred pixels a side, and the example itself allows
  // it.
  const args = CHROMIUM_ARGS.filter((flag) => !/webgpu/.test(flag));
  const browser = await chromium.launch({ args, ...(executablePath === undefined ? {} : { executablePath }) });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(5 * 60_000);
    // The example draws a random seed. A test needs the same seed each time.
    await page.addInitScript('crypto.getRandomValues = (array) => array.fill(1)');
    const failed = new Promise<string>((resolve) => page.once('pageerror', (error) => resolve(error.message)));
    await page.goto(url);
    const shown = page.waitForSelector('img').then((image) =>
      image.evaluate(async (image) => {
        const picture = image as HTMLImageElement;
        await picture.decode();
        const { naturalWidth: width, naturalHeight: height } = picture;
        const context = new OffscreenCanvas(width, height).getContext('2d')!;
        context.drawImage(picture, 0, 0);
        return { width, height, rgba: [...context.getImageData(0, 0, width, height).data] };
      }),
    );
    return await Promise.race([shown, failed]);
  } finally {
    await browser.close();
  }
}

describe('a site that webpack built', () => {
  it('runs README’s first example as pasted, which draws what it asks for', async () => {
    const [example] = await codeBlocks('README.md', 'ts');
    await writeFile(join(app, 'main.js'), example!.code);
    const problems = await build({
      mode: 'production',
      context: app,
      entry: './main.js',
      output: { path: site },
      // Minimizing would cost seconds, and the package's code is minified already.
      optimization: { minimize: false },
      performance: false,
    });
    expect(problems).toEqual([]);
    await writeFile(join(site, 'index.html'), '<!doctype html><body><script src="main.js"></script>');
    await cp(BUNDLE, join(site, 'models/tiny'), { recursive: true });
    const server = await serveFolder(site);
    const picture = await firstPicture(server.url);
    await server.close();
    if (typeof picture === 'string') throw new Error(picture);
    const prompt = /const prompt = '(.+)';/.exec(example!.code)?.[1];
    const scene = allScenes().find((each) => caption(each) === prompt)!;
    // Oracle: the rule-based checker of the scenes, which reads pixels and knows nothing of the
    // model.
    const reading = checkPicture(Uint8Array.from(picture.rgba), picture.width, picture.height);
    expect(compare(reading, scene)).toEqual({ kind: true, colour: true, position: true, time: true, ground: true });
  });
});
