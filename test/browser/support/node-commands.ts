import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright';
import type { BrowserCommand } from 'vitest/node';
import { type FaultServer, startFaultServer } from '../../support/fault-server.ts';

/** What a browser test can ask Node to do. */

const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/**
 * Outputs of the real-width block on onnxruntime-node, each as base64 of little-endian float32.
 * Runs in a process of its own, because it holds 300 MB.
 */
export const runRealBlockInNode: BrowserCommand<[block: string]> = async (_context, block) => {
  const script = fileURLToPath(new URL('./real-width-node.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, block], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  return JSON.parse(stdout);
};

/**
 * Writes a parity fixture's bundle where the test server serves it; gives its path on that server.
 */
export const serveFixtureBundle: BrowserCommand<[pipeline: string]> = async (_context, pipeline) => {
  const script = fileURLToPath(new URL('../../support/write-bundle.ts', import.meta.url));
  const path = `.cache/bundles/${pipeline}/`;
  const folder = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  await promisify(execFile)(process.execPath, ['--import', 'tsx', script, pipeline, folder]);
  return `/${path}`;
};

let counting: FaultServer | undefined;

/** Serves a fixture's bundle from a server of another origin, which counts what it sends. */
export const serveCounted: BrowserCommand<[pipeline: string]> = async (context, pipeline) => {
  const path = await serveFixtureBundle(context, pipeline);
  const folder = fileURLToPath(new URL(`../../..${path}`, import.meta.url));
  const files = new Map<string, Uint8Array>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(folder, full), await readFile(full));
  }
  await counting?.close();
  counting = await startFaultServer(files);
  return counting.url;
};

/** Requests that the counting server has had since the last call, and bytes that it has sent. */
export const takeCounts: BrowserCommand<[]> = async () => {
  const { asked, sent } = counting!;
  Object.assign(counting!, { asked: [], sent: 0 });
  return { asked, sent };
};

/** How many dedicated workers run in the tested page, as the browser counts them. */
export const countWorkers: BrowserCommand<[]> = async ({ page }) => page.workers().length;

const asked: string[] = [];
const refuse: Parameters<Page['route']>[1] = (route) => {
  asked.push(route.request().url());
  return route.abort('internetdisconnected');
};

/**
 * From here on, fails requests of the page and its workers whose URL matches the pattern
 * (Playwright's).
 */
export const cutNetwork: BrowserCommand<[addresses: string]> = async ({ page }, addresses) => {
  asked.length = 0;
  await page.context().route(addresses, refuse);
};

/** Lets requests through again; gives the URLs that were requested meanwhile. */
export const restoreNetwork: BrowserCommand<[]> = async ({ page }) => {
  await page.context().unrouteAll();
  return asked.splice(0);
};

/** Starts the stand-in of the hub, which ends with this process. */
export const serveStandInHub: BrowserCommand<[]> = async () => {
  const script = fileURLToPath(new URL('./hub-server.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return JSON.parse(line.toString()) as { endpoint: string; control: string };
};
