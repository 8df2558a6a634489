import { dirname, join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AS_ASKED } from '../../models/tiny/scenes/score.ts';
import { firstPicture, launchChromium, pressDraw } from '../support/first-picture.ts';
import { buildProject, EXAMPLES, PROJECTS, serveProject, writeProject } from '../support/project.ts';
import { emptyApp, installFromRegistry } from './support/install.ts';
import { installRuntime, NODE_FOR_TOOLS } from './support/runtimes.ts';

/**
 * Sites as newcomers write them, with tools and the package from `npm install`: built for
 * production, served below the root, drawn in Chromium. They are those of docs/bundlers.md and
 * examples/.
 */

let node: string;
let browser: Browser;
beforeAll(async () => {
  node = dirname(await installRuntime(NODE_FOR_TOOLS));
  browser = await launchChromium();
});
afterAll(() => browser?.close());

describe('the packed library', () => {
  it.each([...new Set([...EXAMPLES, ...PROJECTS])])('draws in a site of $name', async (project) => {
    const app = await emptyApp(project.name);
    await writeProject(project, app);
    await installFromRegistry(app);
    const tools = [join(app, 'node_modules/.bin'), node];
    await buildProject(app, tools);
    const site = await serveProject(project, app, tools);
    const act = EXAMPLES.includes(project) ? pressDraw : undefined;
    const { shows, hosts } = await firstPicture(browser, site.url, act).finally(site.close);
    expect(shows).toEqual(AS_ASKED);
    expect(hosts).toEqual([new URL(site.url).host]);
  });
});
