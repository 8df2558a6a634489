// Scores pictures against their prompts.
//
//   npx --yes tsx models/tiny/scenes/check-cli.ts --prompts P.json --pictures P.bin
//     [--each]       also print the reading of every picture
//     [--shuffle]    control: compare with the prompt of another picture
//     [--blur SIGMA] control: blur the pictures first
//
// P.json: an array of { prompt, scene, size, heldOut } (see grammar.ts, testPrompts);
// P.bin: their RGB bytes, one picture after the other. Prints JSON.

import { readFileSync } from 'node:fs';

import { checkPicture, compare, summarise } from './check.ts';
import type { Prompt, Scene } from './grammar.ts';
import { random } from './grammar.ts';

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

function blur(rgb: Uint8Array, width: number, height: number, sigma: number): Uint8Array {
  const radius = Math.ceil(sigma * 2.5);
  const kernel = Array.from({ length: radius * 2 + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((a, b) => a + b, 0);
  let from = Float32Array.from(rgb);
  for (const [stepX, stepY] of [
    [1, 0],
    [0, 1],
  ] as const) {
    const to = new Float32Array(from.length);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let k = -radius; k <= radius; k++) {
            const px = Math.min(width - 1, Math.max(0, x + k * stepX));
            const py = Math.min(height - 1, Math.max(0, y + k * stepY));
            sum += (from[(py * width + px) * 3 + c] as number) * (kernel[k + radius] as number);
          }
          to[(y * width + x) * 3 + c] = sum / total;
        }
    from = to;
  }
  return Uint8Array.from(from, (value) => Math.round(value));
}

const promptFile = option('prompts');
const pictureFile = option('pictures');
if (!promptFile || !pictureFile) throw new Error('usage: check-cli.ts --prompts P.json --pictures P.bin');
const prompts = JSON.parse(readFileSync(promptFile, 'utf8')) as Prompt[];
const bytes = new Uint8Array(readFileSync(pictureFile));
const sigma = Number(option('blur') ?? 0);

const asked: Scene[] = prompts.map(({ scene }) => scene);
if (process.argv.includes('--shuffle')) {
  const next = random(5);
  for (let i = asked.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [asked[i], asked[j]] = [asked[j] as Scene, asked[i] as Scene];
  }
}

let at = 0;
const pairs = prompts.map(({ size }, i) => {
  const length = size.width * size.height * 3;
  let rgb: Uint8Array = bytes.subarray(at, at + length);
  at += length;
  if (sigma > 0) rgb = blur(rgb, size.width, size.height, sigma);
  return { read: checkPicture(rgb, size.width, size.height), asked: asked[i] as Scene };
});
if (at !== bytes.length) throw new Error(`the pictures have ${bytes.length} bytes, the prompts ask for ${at}`);

const each = process.argv.includes('--each')
  ? { each: pairs.map(({ read, asked }, i) => ({ prompt: prompts[i]?.prompt, read, right: compare(read, asked) })) }
  : {};
console.log(JSON.stringify({ ...summarise(pairs), ...each }, null, 1));
