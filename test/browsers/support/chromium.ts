import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { chromiumOptions } from '../../../scripts/lib/chromium.mjs';
import { settled, unsettle } from '../../support/in-page.ts';
import { type BrowserOptions, type DrivenBrowser, SCRIPT_MS } from './browser.ts';

export async function openChromium({ room, isPrivate = false }: BrowserOptions = {}): Promise<DrivenBrowser> {
  // With a profile of its own: a private window's HTTP cache takes no file of 14 MB.
  const profile = await mkdtemp(join(tmpdir(), 'flux-srpo-chromium-'));
  const context = isPrivate
    ? await (await chromium.launch(chromiumOptions())).newContext()
    : await chromium.launchPersistentContext(profile, chromiumOptions());
  const browser = context.browser()!;
  context.setDefaultTimeout(SCRIPT_MS);
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  return {
    version: browser.version(),
    async goto(url) {
      const { origin } = new URL(url);
      if (room !== undefined) await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: room });
      await page.goto(url);
    },
    run: async (body) => unsettle(await page.evaluate<string>(settled(body))),
    async close() {
      await context.close();
      await browser.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
