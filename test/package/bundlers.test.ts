import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/docs.ts';
import { AS_ASKED, firstPicture, launchChromium } from '../support/first-picture.ts';
import { installPacked } from '../support/packed.ts';
import { buildProject, OFFLINE_PROJECTS, type Project, serveProject, writeProject } from '../support/project.ts';
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
async function draw(url: string): Promise<object> {
  const { shows, hosts } = await firstPicture(browser, url);
  expect(hosts).toEqual([new URL(url).host]);
  return shows;
}

describe('the packed library', () => {
  it.each(OFFLINE_PROJECTS)('draws in a site of $name', async (project) => {
    const app = await write(project);
    await buildProject(app, TOOLS, project.unminimized);
    const site = await serveProject(project, app, TOOLS);
    expect(await draw(site.url).finally(site.close)).toEqual(AS_ASKED);
  });

  it('draws by README’s first example as pasted', async () => {
    const [example] = await codeBlocks('README.md', 'ts');
    const app = await write(OFFLINE_PROJECTS.find(({ name }) => name === 'vite')!);
    await writeFile(join(app, 'main.js'), example!.code);
    await buildProject(app, TOOLS);
    // At the root, which the example's address of the model begins with.
    const server = await serveFolder(join(app, 'dist'));
    expect(await draw(server.url).finally(server.close)).toEqual(AS_ASKED);
  });
});
