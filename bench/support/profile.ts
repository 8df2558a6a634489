import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../../scripts/lib/chromium.mjs';
import { startWorker } from './chromium.ts';

/**
 * A page of a Chromium that stores files on the disk: without a profile of its own it would keep
 * them in memory.
 */
export async function openProfile(url: string): Promise<{ page: Page; version: string; close(): Promise<void> }> {
  const executablePath = findChromium();
  const profile = await mkdtemp(join(tmpdir(), 'flux-srpo-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    args: CHROMIUM_ARGS,
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  const page = await context.newPage();
  page.setDefaultTimeout(0);
  await page.goto(url);
  return {
    page,
    version: context.browser()!.version(),
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Runs one worker of `bench/pages` in such a page and gives its result. */
export async function runInProfile<Result>(
  pageUrl: string,
  worker: string,
  input: unknown,
  onNote: (note: unknown) => void,
): Promise<Result> {
  const { page, close } = await openProfile(pageUrl);
  try {
    await page.exposeFunction('note', onNote);
    const url = `/${worker}?worker_file&type=module`;
    return (await page.evaluate(startWorker, { url, input })) as Result;
  } finally {
    await close();
  }
}
