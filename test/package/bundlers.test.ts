import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AS_ASKED } from '../../models/tiny/scenes/score.ts';
import { codeBlocks } from '../support/docs.ts';
import { firstPicture, launchChromium, PROMPT, pressDraw } from '../support/first-picture.ts';
import { installPacked } from '../support/packed.ts';
import { buildProject, EXAMPLES, type Project, SMALLEST, serveProject, writeProject } from '../support/project.ts';
import { serveFolder } from '../support/serve-folder.ts';

/** Sites that the tools of this workspace build from the tarball: production, below the root. */

/** Where pnpm puts the tools of this workspace. */
const TOOLS = [fileURLToPath(new URL('../../node_modules/.bin', import.meta.url))];

let folder: string;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-bundlers-'));
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

async function write(project: Project): Promise<string> {
  const app = await mkdtemp(join(folder, project.name));
  await installPacked(app, ['onnxruntime-web', ...(project.links ?? [])]);
  await writeProject(project, app);
  return app;
}

/** What the page draws. It asks nobody but its own server. */
async function draw(url: string, act?: (page: Page) => Promise<void>): Promise<object> {
  const { shows, hosts } = await firstPicture(browser, url, act);
  expect(hosts).toEqual([new URL(url).host]);
  return shows;
}

/** A person may be too slow for so small a model. */
async function cancelOnProgress(page: Page): Promise<void> {
  await page.evaluate(() => {
    const progress = document.querySelector('progress')!;
    const cancelling = new MutationObserver(() => {
      if (progress.value === 0) return;
      cancelling.disconnect();
      [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Cancel')!.click();
    });
    cancelling.observe(progress, { attributeFilter: ['value'] });
  });
}

describe('the packed library', () => {
  it.each(SMALLEST)('draws in a site of $name', async (project) => {
    const app = await write(project);
    await buildProject(app, TOOLS, project.unminimized);
    const site = await serveProject(project, app, TOOLS);
    expect(await draw(site.url).finally(site.close)).toEqual(AS_ASKED);
  });

  it.each(EXAMPLES)('says what is wrong, stops when told and draws, in examples/$name', async (project) => {
    const app = await write(project);
    await buildProject(app, TOOLS);
    const site = await serveProject(project, app, TOOLS);
    const asPerson = async (page: Page) => {
      const says = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor();
      const isManifest = (address: URL) => address.pathname.endsWith('/manifest.json');
      await page.route(isManifest, (route) => route.fulfill({ status: 404 }));
      await page.fill('input', PROMPT);
      await pressDraw(page);
      await says('manifest.json is missing');
      await page.unroute(isManifest);
      await cancelOnProgress(page);
      await pressDraw(page);
      await says('Cancelled.');
      expect(await page.locator('img[src]').count()).toBe(0);
      await pressDraw(page);
      await says('Done.');
      expect(await page.evaluate(() => document.querySelector('progress')!.value)).toBe(1);
    };
    expect(await draw(site.url, asPerson).finally(site.close)).toEqual(AS_ASKED);
  });

  it('draws by README’s first example as pasted', async () => {
    const [example] = await codeBlocks('README.md', 'ts');
    const app = await write(EXAMPLES[0]!);
    await writeFile(join(app, 'main.js'), example!.code);
    await buildProject(app, TOOLS);
    // At the root, which the example's address of the model begins with.
    const server = await serveFolder(join(app, 'dist'));
    expect(await draw(server.url).finally(server.close)).toEqual(AS_ASKED);
  });
});
