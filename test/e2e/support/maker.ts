import { type Browser, chromium, type Page } from 'playwright';
import { expect } from 'vitest';
import { chromiumOptions } from '../../../scripts/lib/chromium.mjs';

/** A page does most things in a second; what draws on a busy machine takes minutes. */
export const PATIENCE_MS = 5 * 60_000;

export function launch(args?: string[]): Promise<Browser> {
  return chromium.launch(chromiumOptions(args));
}

/**
 * Waits until a prompt can be drawn. A busy software GPU can need minutes for its first kernels.
 */
export async function ready(page: Page): Promise<void> {
  await page.waitForSelector('#generate:enabled, #error:not([hidden])', { timeout: PATIENCE_MS });
  expect(await page.textContent('#error')).toBe('');
}

/** What most people never touch lies behind "More". */
export async function openMore(page: Page): Promise<void> {
  if (!(await page.isVisible('#steps'))) await page.click('#more > summary');
}

export interface Wish {
  prompt?: string;
  steps?: number;
  seed?: number;
}

export async function fill(page: Page, { prompt, steps, seed }: Wish): Promise<void> {
  await openMore(page);
  if (prompt !== undefined) await page.fill('#prompt', prompt);
  if (steps !== undefined) await page.fill('#steps', String(steps));
  if (seed !== undefined) await page.fill('#seed', String(seed));
}

/** Types the wish, presses the button, waits. */
export async function draw(page: Page, wish: Wish): Promise<void> {
  await fill(page, wish);
  await page.click('#generate');
  await done(page);
}

/** Waits for the end of the last run. */
export async function done(page: Page): Promise<void> {
  await page.waitForSelector('#cancel', { state: 'hidden' });
  expect(await page.textContent('#error')).toBe('');
  expect(await page.textContent('#stage')).toMatch(/^Done/);
}
