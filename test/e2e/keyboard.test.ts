import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { done, launch, PATIENCE_MS, ready } from './support/maker.ts';

/** Everything that the page does, by somebody who has a keyboard and no pointer. */

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  page = await browser.newPage({ viewport: { width: 1000, height: 900 }, serviceWorkers: 'block' });
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${inject('site')}?backend=wasm`);
  await ready(page);
});
afterAll(() => browser?.close());

const press = (key: string) => page.keyboard.press(key);

/** Presses Tab until a control that matches has the focus, which must be seen. */
async function tabTo(selector: string, text = ''): Promise<void> {
  for (let presses = 0; presses < 120; presses++) {
    await press('Tab');
    const found = await page.evaluate(
      ([wanted, label]) => {
        const { activeElement: at } = document;
        if (at === null || !at.matches(wanted!) || !at.textContent?.includes(label!)) return;
        const shown = at.classList.contains('unseen') ? at.nextElementSibling! : at;
        return getComputedStyle(shown).outlineStyle;
      },
      [selector, text],
    );
    if (found === undefined) continue;
    expect(found, `the focus on ${selector} ${text}`).not.toBe('none');
    return;
  }
  throw new Error(`${selector} ${text} must be reached by Tab`);
}

async function type(selector: string, text: string): Promise<void> {
  await tabTo(selector);
  await press('Control+A');
  await page.keyboard.type(text);
}

const thumbs = () => page.locator('.thumb').count();

describe('the page by keyboard alone', () => {
  it('draws, chooses a size and settings, varies and cancels', async () => {
    await type('#prompt', 'a red house');
    await tabTo('#size');
    await press('ArrowDown');
    await tabTo('#seed');
    await tabTo('#dice');
    await press('Enter');
    expect(await page.inputValue('#seed')).not.toBe('');
    await tabTo('#lock');
    await press('Space');
    expect(await page.inputValue('#seed')).toBe('');
    await tabTo('#more > summary');
    await press('Enter');
    await type('#steps', '2');
    await press('Control+Enter');
    await page.waitForSelector('#cancel:not([hidden])');
    await done(page);
    await tabTo('#tools button', 'Vary');
    await press('Enter');
    await expect.poll(thumbs).toBe(2);
    await type('#steps', '1000');
    await press('Control+Enter');
    await page.waitForSelector('#cancel:not([hidden])');
    await press('Escape');
    await page.waitForSelector('#cancel', { state: 'hidden' });
    expect(await page.textContent('#stage')).toMatch(/^Cancelled/);
    expect(await thumbs()).toBe(2);
  });

  it('looks through the pictures, reads how one was made, and deletes', async () => {
    const shown = () => page.getAttribute('#picture', 'src');
    await tabTo('.thumb');
    await press('Enter');
    const newest = await shown();
    await press('ArrowRight');
    expect(await shown()).not.toBe(newest);
    await press('ArrowLeft');
    expect(await shown()).toBe(newest);
    await tabTo('#how > summary');
    await press('Enter');
    expect(await page.isVisible('#how dl')).toBe(true);
    await tabTo('#code > summary');
    await press('Enter');
    await tabTo('#code select');
    await press('ArrowDown');
    await tabTo('#tools button', 'Delete');
    await press('Enter');
    await expect.poll(thumbs).toBe(1);
    await tabTo('#gallery button', 'Delete all');
    await press('Enter');
    await page.waitForSelector('#ask-dialog[open]');
    // A press by mistake deletes nothing: the focus is on the other button.
    await press('Enter');
    expect(await thumbs()).toBe(1);
    await tabTo('#gallery button', 'Delete all');
    await press('Enter');
    await tabTo('#ask-yes');
    await press('Enter');
    await expect.poll(thumbs).toBe(0);
    await tabTo('#keep-pictures');
    await press('Space');
    expect(await page.isChecked('#keep-pictures')).toBe(false);
    await press('Space');
  });

  it('reaches every control that can be seen, panels open', async () => {
    for (const panel of ['#recipe-panel', '#import-panel', '#server-panel', '#diagnostics']) {
      await tabTo(`${panel} > summary`);
      await press('Enter');
    }
    const missed = await page.evaluateHandle(() => {
      const all = document.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary');
      const usable = [...all].filter((each) => each.checkVisibility() && !each.matches(':disabled'));
      // Arrows go from one radio button of a group to the next.
      return new Set(usable.filter((each) => !each.matches('[type=radio]:not(:checked)')));
    });
    expect(await missed.evaluate((controls) => controls.size)).toBeGreaterThan(30);
    for (let presses = 0; presses < 150; presses++) {
      await press('Tab');
      await missed.evaluate((controls) => controls.delete(document.activeElement as HTMLElement));
    }
    expect(await missed.evaluate((controls) => [...controls].map(({ outerHTML }) => outerHTML.slice(0, 120)))).toEqual(
      [],
    );
  });
});
