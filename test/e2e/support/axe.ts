import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** From 1184 pixels on nothing changes but the margins. */
const WIDTHS = process.env.TEST_FULL ? [320, 360, 480, 768, 1024, 1440, 1920, 2560, 3840] : [320, 768, 3840];

/** What axe has against the page as it is now, at these widths and in both themes. */
export async function axeViolations(page: Page): Promise<string[]> {
  const before = page.viewportSize()!;
  const found: string[] = [];
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.addScriptTag({ path: AXE });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ ...before, width });
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
      );
      for (const { id, nodes } of violations) {
        found.push(...nodes.map(({ html }) => `${width} ${colorScheme}: ${id}: ${html.slice(0, 200)}`));
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) found.push(`${width} ${colorScheme}: the page is ${overflow} pixels too wide`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
  return found;
}
