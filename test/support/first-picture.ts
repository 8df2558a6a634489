import { type Browser, chromium, type Page } from 'playwright';
import { caption } from '../../models/tiny/scenes/captions.ts';
import { checkPicture } from '../../models/tiny/scenes/check.ts';
import type { Scene } from '../../models/tiny/scenes/grammar.ts';
import { compare } from '../../models/tiny/scenes/score.ts';
import { CHROMIUM_ARGS, chromiumOptions } from '../../scripts/lib/chromium.mjs';

/** Chromium without WebGPU: wasm is quick enough for a small picture. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch(chromiumOptions(CHROMIUM_ARGS.filter((flag) => !/webgpu/.test(flag))));
}

const SCENE: Scene = { kind: 'house', colour: 'red', position: 'left', ground: 'meadow', time: 'day' };

/** README's first example: "a red house on the left in a meadow, on a sunny day". */
export const PROMPT = caption(SCENE);

/** Presses the button of a site of examples/, whose form asks for `PROMPT` from the start. */
export const pressDraw = (page: Page) => page.click('text=Draw');

/**
 * Opens a page that draws `PROMPT`; gives what of it the first picture shows, and the hosts that
 * the page asked. Rejects with the page's first error.
 *
 * @param act what a person does there; nothing where the page draws by itself
 *
 * Oracle: the rule-based checker of the scenes, which reads pixels and knows nothing of the model.
 */
export async function firstPicture(
  browser: Browser,
  url: string,
  act?: (page: Page) => Promise<void>,
): Promise<{ shows: object; hosts: string[] }> {
  const page = await browser.newPage();
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  try {
    page.setDefaultTimeout(5 * 60_000);
    // Pages draw a random seed. A test needs the same seed each time.
    await page.addInitScript('crypto.getRandomValues = (array) => array.fill(1)');
    const failed = new Promise<never>((_resolve, reject) => page.once('pageerror', reject));
    await page.goto(url);
    if (act !== undefined) await Promise.race([act(page), failed]);
    const shown = page.waitForSelector('img[src]').then((image) =>
      image.evaluate(async (image) => {
        const picture = image as HTMLImageElement;
        await picture.decode();
        const { naturalWidth: width, naturalHeight: height } = picture;
        const context = new OffscreenCanvas(width, height).getContext('2d')!;
        context.drawImage(picture, 0, 0);
        return { width, height, rgba: [...context.getImageData(0, 0, width, height).data] };
      }),
    );
    const { width, height, rgba } = await Promise.race([shown, failed]);
    const shows = compare(checkPicture(Uint8Array.from(rgba), width, height), SCENE);
    // blob: and data: URLs have no host.
    return { shows, hosts: [...hosts].filter(Boolean) };
  } finally {
    await page.close();
  }
}
