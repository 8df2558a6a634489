// Scores pictures against their prompts.
//
//   npx --yes tsx models/tiny/scenes/check-cli.ts --prompts P.json --pictures P.bin
//     [--each]       also print the reading of every picture
//     [--shuffle]    control: compare with the prompt of another picture
//     [--blur SIGMA] control: blur the pictures first
//
// P.json: an array of { prompt, scene, size, heldOut } (see prompts.ts);
// P.bin: their RGB bytes, one picture after the other. Prints JSON.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { checkPicture } from './check.ts';
import type { Scene } from './grammar.ts';
import type { Prompt } from './prompts.ts';
import { random, shuffle } from './random.ts';
import { compare, summarise } from './score.ts';

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

const { values } = parseArgs({
  options: {
    prompts: { type: 'string' },
    pictures: { type: 'string' },
    each: { type: 'boolean', default: false },
    shuffle: { type: 'boolean', default: false },
    blur: { type: 'string', default: '0' },
  },
});
if (!values.prompts || !values.pictures) throw new Error('expected --prompts P.json --pictures P.bin');
const prompts = JSON.parse(readFileSync(values.prompts, 'utf8')) as Prompt[];
const bytes = new Uint8Array(readFileSync(values.pictures));
const sigma = Number(values.blur);

const asked: Scene[] = prompts.map(({ scene }) => scene);
if (values.shuffle) shuffle(asked, random(5));

let at = 0;
const pairs = prompts.map(({ size }, i) => {
  const length = size.width * size.height * 3;
  let rgb: Uint8Array = bytes.subarray(at, at + length);
  at += length;
  if (sigma > 0) rgb = blur(rgb, size.width, size.height, sigma);
  return { read: checkPicture(rgb, size.width, size.height), asked: asked[i] as Scene };
});
if (at !== bytes.length) throw new Error(`the pictures have ${bytes.length} bytes, the prompts ask for ${at}`);

const each = pairs.map(({ read, asked }, i) => ({
  prompt: prompts[i]?.prompt,
  read,
  right: compare(read, asked),
}));
console.log(JSON.stringify({ ...summarise(pairs), ...(values.each && { each }) }, null, 1));
