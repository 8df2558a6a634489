// Writes a contact sheet: 24 held-out prompts, nothing picked, as this library's engine draws them.
//
//   npx tsx models/tiny/sheet.ts --out models/tiny/sheet.png [--bundle models/tiny/bundle]
//       [--before BUNDLE]  pairs instead: that earlier bundle's picture on the left, each in its
//                          own size; only prompts that it was taught
//
// Prints one JSON object: how sharp the things' edges are, as a share of the renderer's.

import { parseArgs } from 'node:util';
import { encodePng } from '@flux-srpo/formats';
import { createPipeline, type GeneratedImage, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { chromium } from 'playwright';
import { CHROMIUM_ARGS, chromiumOptions } from '../../scripts/lib/chromium.mjs';
import { checkPicture } from './scenes/check.ts';
import { KINDS } from './scenes/grammar.ts';
import { type Prompt, testPrompts } from './scenes/prompts.ts';
import { SIZES, type Size } from './scenes/sizes.ts';

const COUNT = 24;
/** Pairs are wider. */
const COLUMNS = { pictures: 4, pairs: 3 };

/** Of the bundle before this one: one thing of its first kinds, in clear weather. */
const BEFORE = {
  sizes: [
    { width: 96, height: 96 },
    { width: 112, height: 80 },
    { width: 80, height: 112 },
  ],
  kinds: KINDS.slice(0, 7),
};

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    before: { type: 'string' },
  },
});
const { out, before } = values;
if (out === undefined) throw new Error('expected --out FILE.png');

function chosenPrompts(): Prompt[] {
  if (before === undefined) return testPrompts(COUNT, true, 3);
  const known = ({ scene: { kind, scale, weather, beside } }: Prompt) =>
    BEFORE.kinds.includes(kind) && !scale && !weather && !beside;
  return testPrompts(1000, true, 3).filter(known).slice(0, COUNT);
}

async function drawAll(bundle: string, prompts: readonly Prompt[], sizes: readonly Size[]): Promise<GeneratedImage[]> {
  const pipeline = await createPipeline({
    bundle: await openBundle(folderBundle(bundle)),
    backend: await createNodeBackend(),
  });
  const pictures: GeneratedImage[] = [];
  for (const [seed, { prompt }] of prompts.entries())
    pictures.push((await pipeline.generate({ prompt, seed, size: sizes[seed % 3]! })).images[0]!);
  await pipeline.dispose();
  return pictures;
}

const meanEdges = (pictures: readonly GeneratedImage[]): number =>
  pictures.reduce((sum, { rgb, width, height }) => sum + checkPicture(rgb, width, height).edges, 0) / pictures.length;

function page(prompts: readonly Prompt[], sets: readonly GeneratedImage[][]): string {
  const cells = prompts.map(({ prompt }, i) => {
    const images = sets.map((pictures) => {
      const { rgb, width, height } = pictures[i]!;
      // Six bits per channel are plenty for the eye and halve the file.
      const coarse = rgb.map((value) => (value & 0xfc) | (value >> 6));
      const png = Buffer.from(encodePng({ rgb: coarse, width, height })).toString('base64');
      return `<img src="data:image/png;base64,${png}" width="${width * 2}" height="${height * 2}">`;
    });
    return `<figure><div>${images.join('')}</div><figcaption>${prompt}</figcaption></figure>`;
  });
  return `<style>
    body { margin: 0; padding: 16px; background: #18181c; color: #ddd; font: 15px/1.3 sans-serif; display: inline-grid;
      grid-template-columns: repeat(${sets.length === 1 ? COLUMNS.pictures : COLUMNS.pairs}, auto); gap: 20px 16px; }
    figure { margin: 0; display: flex; flex-direction: column; align-items: center; justify-content: end; gap: 6px; }
    div { display: flex; gap: 8px; align-items: end; }
    figcaption { max-width: 390px; text-align: center; min-height: 2.6em; }
    img { image-rendering: pixelated; border-radius: 4px; }
  </style>${cells.join('')}`;
}

const prompts = chosenPrompts();
const pictures = await drawAll(values.bundle, prompts, SIZES);
const earlier = before === undefined ? undefined : await drawAll(before, prompts, BEFORE.sizes);
const browser = await chromium.launch(chromiumOptions(CHROMIUM_ARGS));
const sheet = await browser.newPage();
await sheet.setContent(page(prompts, earlier ? [earlier, pictures] : [pictures]));
await sheet.locator('body').screenshot({ path: out });
await browser.close();
const edges = { edges: meanEdges(pictures), ...(earlier && { edgesBefore: meanEdges(earlier) }) };
process.stdout.write(`${JSON.stringify(edges)}\n`);
