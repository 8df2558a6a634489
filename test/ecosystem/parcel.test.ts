import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { codeBlocks } from '../support/docs.ts';
import { installPacked } from '../support/packed.ts';
import { writePlainSite } from '../support/plain-site.ts';
import { serveFolder } from '../support/serve-folder.ts';
import { writeBundle } from '../support/write-fixture.ts';

/** A site that Parcel built with the settings of docs/embed.md, at a path below the root. */

const run = promisify(execFile);

let folder: string;
let app: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-parcel-'));
  app = join(folder, 'app');
  const tool = join(folder, 'tool');
  const install = ['--prefix', tool, 'install', '--no-audit', '--no-fund', '--ignore-scripts', 'parcel@2.16.4'];
  await run('npm', install, { shell: process.platform === 'win32' });
  await installPacked(app);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('draws', async () => {
  const [settings] = (await codeBlocks('docs/embed.md', 'json')).filter(({ heading }) => heading === 'Parcel');
  await writeFile(join(app, 'package.json'), settings!.code);
  await writeFile(join(app, 'index.html'), '<!doctype html><img><script type="module" src="./main.js"></script>');
  await writeFile(
    join(app, 'main.js'),
    `import { createFluxSrpo } from 'flux-srpo';
    const workerUrl = './flux-srpo/standalone/worker.js';
    const flux = createFluxSrpo({ model: './model/', backend: 'wasm', workerUrl });
    try {
      const { model } = await flux.load();
      const request = { model, prompt: 'a red house', size: '48x80', num_inference_steps: 2, seed: 7 };
      const picture = document.querySelector('img');
      picture.src = (await flux.images.generate(request)).data[0].url;
      await picture.decode();
      document.title = 'done ' + picture.naturalWidth;
    } catch (error) {
      document.title = 'failed ' + error;
    }`,
  );
  const site = join(folder, 'site');
  const parcel = join(folder, 'tool/node_modules/parcel/lib/bin.js');
  const build = [parcel, 'build', 'index.html', '--public-url', './', '--no-autoinstall', '--no-cache'];
  await run(process.execPath, [...build, '--dist-dir', join(site, 'sub')], { cwd: app });
  await writePlainSite(app, join(site, 'sub'));
  await writeBundle('a-3x32', join(folder, 'model'));
  await cp(join(folder, 'model'), join(site, 'sub/model'), { recursive: true });
  const server = await serveFolder(site);
  const executablePath = findChromium();
  const browser = await chromium.launch({
    args: CHROMIUM_ARGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}sub/`);
    await page.waitForFunction(() => /^(done|failed)/.test(document.title));
    expect(await page.title()).toBe('done 48');
  } finally {
    await browser.close();
    await server.close();
  }
});
