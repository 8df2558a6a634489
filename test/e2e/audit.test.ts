import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { axeViolations } from './support/axe.ts';
import { layoutFaults } from './support/layout.ts';
import { done, draw, fill, launch, PATIENCE_MS, ready } from './support/maker.ts';
import { shownPicture } from './support/shown-picture.ts';

/** What the built page must be besides right: light, still, quick, and usable in every way. */

const site = inject('site');
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1000, height: 900 }, serviceWorkers: 'block' });
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
});
afterAll(() => browser?.close());

/** Opens what is folded, from the outside in. */
async function unfold(): Promise<void> {
  for (const summary of await page.locator('details:not([open]) > summary').all()) {
    if (await summary.isVisible()) await summary.click();
  }
  if ((await page.locator('details:not([open]) > summary:visible').count()) > 0) await unfold();
}

const startTrace = () =>
  browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] });

/**
 * Tasks of the page's main thread since the trace was started, the longest in microseconds of CPU
 * time: what else the machine does makes none longer.
 */
async function longestTasks(): Promise<{ count: number; longest: (number | undefined)[] }> {
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const mains = traceEvents.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const isMain = ({ pid, tid }: TraceEvent) => mains.some((main) => main.pid === pid && main.tid === tid);
  const tasks = traceEvents.filter((event) => event.name === 'RunTask' && isMain(event));
  const longest = tasks.toSorted((a, b) => (b.tdur ?? 0) - (a.tdur ?? 0)).slice(0, 5);
  return { count: tasks.length, longest: longest.map(({ tdur }) => tdur) };
}

describe('the built page', () => {
  it('is light, still and quick: 150 kB before the engine and the model, shifts of less than 0.02', async () => {
    const files: { path: string; body: Promise<Buffer> }[] = [];
    page.on('response', (answer) =>
      files.push({ path: answer.url().slice(site.length), body: answer.body().catch(() => Buffer.alloc(0)) }),
    );
    await page.addInitScript(() => {
      const shifts: Shift[] = [];
      new PerformanceObserver((list) => {
        for (const { value, sources, hadRecentInput } of list.getEntries() as (PerformanceEntry & LayoutShift)[]) {
          // What a press moves is no surprise.
          if (hadRecentInput) continue;
          const by = sources.map(
            ({ node, previousRect: a, currentRect: b }) =>
              `${node?.nodeName}#${(node as Element | null)?.id} ${a.y}+${a.height} → ${b.y}+${b.height}`,
          );
          shifts.push({ value, by });
        }
      }).observe({ type: 'layout-shift', buffered: true });
      Object.assign(globalThis, { shifts });
    });
    // On a phone, where the most lines break.
    await page.setViewportSize({ width: 412, height: 900 });
    await startTrace();
    await page.goto(`${site}?backend=wasm`);
    await page.waitForSelector('#prompt');
    const interactive = await page.evaluate(() => performance.now());
    await ready(page);
    const { longest } = await longestTasks();
    // The engine's worker comes with the model, a moment before or after its first file.
    const isLarge = ({ path }: { path: string }) => /^models\/|\.wasm$|worker[^/]*\.js$/.test(path);
    const first = await Promise.all(
      files.slice(0, files.findIndex(isLarge)).map(async ({ body }) => gzipSync(await body)),
    );
    const bytes = first.reduce((sum, { length }) => sum + length, 0);
    await draw(page, { prompt: 'a red house', steps: 2, seed: 1 });
    const shifts = await page.evaluate(() => (globalThis as unknown as { shifts: Shift[] }).shifts);
    const shift = shifts.reduce((sum, { value }) => sum + value, 0);
    console.log(
      `${first.length} files, ${bytes} bytes; a prompt after ${Math.round(interactive)} ms; ` +
        `the longest tasks ${longest.map((us) => Math.round((us ?? 0) / 1000))} ms; shifts ${JSON.stringify(shifts)}`,
    );
    // The page, its two scripts and its looks; its icon and manifest come when they come.
    expect(first.length).toBeGreaterThan(3);
    expect(first.length).toBeLessThan(8);
    // To plan a picture of each recipe takes longer than all else that the page does to open.
    expect(files.map(({ path }) => path).filter((path) => /list-recipes|remote-client/.test(path))).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(150_000);
    expect(shift).toBeLessThan(0.02);
  });

  it('keeps its main thread free while a picture is made', async () => {
    await startTrace();
    await draw(page, { prompt: 'a red house on the left', steps: 8, seed: 2 });
    const { count, longest } = await longestTasks();
    console.log(`the longest of ${count} tasks took ${longest.map((us) => Math.round((us ?? 0) / 1000))} ms`);
    expect(count).toBeGreaterThan(100);
    expect(longest[0]).toBeLessThan(50_000);
  });

  it('cuts and covers nothing, with text of any size', async () => {
    await unfold();
    const session = await context.newCDPSession(page);
    const found: string[] = [];
    for (const standard of [16, 32]) {
      await session.send('Page.setFontSizes', { fontSizes: { standard, fixed: standard } });
      for (const width of [...(standard === 16 ? [320] : []), 360, 768, 1024, 1440, 3840]) {
        await page.setViewportSize({ width, height: 900 });
        expect(await page.evaluate(() => getComputedStyle(document.body).fontSize)).toBe(`${standard}px`);
        found.push(
          ...(await layoutFaults(page, standard === 16 && width >= 768)).map(
            (fault) => `${width} px, text of ${standard}: ${fault}`,
          ),
        );
      }
    }
    await session.send('Page.setFontSizes', { fontSizes: { standard: 16, fixed: 13 } });
    expect(found).toEqual([]);
    expect(await axeViolations(page)).toEqual([]);
  });

  it('moves nothing for people who want that', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await fill(page, { steps: 1, seed: 3 });
    await page.click('#generate');
    await done(page);
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
  });

  it('shows in chosen colours too what is chosen and how far it is', async () => {
    await page.emulateMedia({ forcedColors: 'active' });
    const border = (selector: string) =>
      page.evaluate((each) => getComputedStyle(document.querySelector(each)!).borderTopColor, selector);
    expect(await border('.thumb[aria-pressed=true]')).not.toBe(await border('.thumb[aria-pressed=false]'));
    // As it is while a picture is half drawn.
    const bar = page.locator('#bar');
    await bar.evaluate((element: HTMLProgressElement) => {
      element.hidden = false;
      element.value = 0.5;
    });
    const { width, height, rgba } = await shownPicture(
      page,
      `data:image/png;base64,${(await bar.screenshot()).toString('base64')}`,
    );
    const at = (share: number) =>
      [...rgba.subarray(4 * (width * (height >> 1) + Math.round(share * width)))].slice(0, 3);
    expect(at(0.25)).not.toEqual(at(0.75));
    expect(await layoutFaults(page)).toEqual([]);
    await page.emulateMedia({ forcedColors: null, reducedMotion: null });
  });
});

interface Shift {
  value: number;
  /** What moved, from where to where. */
  by: string[];
}

interface LayoutShift {
  value: number;
  hadRecentInput: boolean;
  sources: { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[];
}

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds, by the clock and of CPU time. */
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}
