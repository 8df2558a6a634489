import { join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AS_ASKED, firstPicture, launchChromium } from '../support/first-picture.ts';
import { buildProject, PROJECTS, serveProject, writeProject } from '../support/project.ts';
import { emptyApp, installFromRegistry } from './support/install.ts';
import { installNode } from './support/runtimes.ts';

/**
 * Sites as newcomers write them, with tools and the package from `npm install`: built for
 * production, served below the root, drawn in Chromium. docs/bundlers.md shows their files.
 */

/** The least that Nuxt 4.5 and SvelteKit 3 take. */
const NODE = '22.23.3';

let node: string;
let browser: Browser;
beforeAll(async () => {
  node = await installNode(NODE);
  browser = await launchChromium();
});
afterAll(() => browser?.close());

describe('the packed library', () => {
  it.each(PROJECTS)('draws in a site of $name', async (project) => {
    const app = await emptyApp(project.name);
    await writeProject(project, app);
    await installFromRegistry(app);
    const tools = [join(app, 'node_modules/.bin'), node];
    await buildProject(app, tools);
    const site = await serveProject(project, app, tools);
    const { shows, hosts } = await firstPicture(browser, site.url).finally(site.close);
    expect(shows).toEqual(AS_ASKED);
    expect(hosts).toEqual([new URL(site.url).host]);
  });
});
