import type { Page } from 'playwright';
import { expect } from 'vitest';
import { ready } from './maker.ts';

/** Waits until the page's files are kept, then opens it again without a network. */
export async function openOffline(page: Page): Promise<void> {
  const isKept = () =>
    page.evaluate(async () => {
      const name = (await caches.keys()).find((each) => each.startsWith('flux-srpo-page '));
      const keys = name === undefined ? [] : await (await caches.open(name)).keys();
      return keys.some(({ url }) => url.endsWith('.wasm'));
    });
  await expect.poll(isKept).toBe(true);
  await page.context().setOffline(true);
  await page.reload();
  await ready(page);
}
