// Writes a training set: one file of raw RGB bytes per size, and a line of JSON per picture.
//
//   npx tsx models/tiny/scenes/make-dataset.ts --out FOLDER
//     [--count 32000] [--seed 1]
//
// Only scenes that are not held out are written, except to held-out.* (for the autoencoder's
// validation and the checker's controls). Several runs with different seeds make a larger set: the
// training takes any number of folders.

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { caption, variedCaption } from './captions.ts';
import { drawScene } from './draw.ts';
import type { Scene } from './grammar.ts';
import { isHeldOut, KINDS } from './grammar.ts';
import { testPrompts } from './prompts.ts';
import { random } from './random.ts';
import { randomScene } from './random-scene.ts';
import { SIZES } from './sizes.ts';

const CAPTIONS_PER_PICTURE = 6;
const TEST_PROMPTS = 168;

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string', default: '32000' },
    seed: { type: 'string', default: '1' },
  },
});
const { out } = values;
if (out === undefined) throw new Error('expected --out FOLDER');
const count = Number(values.count);
const seed = Number(values.seed);
const next = random(seed);
mkdirSync(out, { recursive: true });

function trainingScene(index: number): Scene {
  for (;;) {
    const scene = randomScene(next, KINDS[index % KINDS.length]);
    if (!isHeldOut(scene)) return scene;
  }
}

const started = Date.now();
for (const [index, size] of SIZES.entries()) {
  // Half of the pictures are square, a quarter each landscape and portrait.
  const share = Math.round(count * (index === 0 ? 0.5 : 0.25));
  const name = join(out, `train-${size.width}x${size.height}`);
  const file = openSync(`${name}.bin`, 'w');
  const lines: string[] = [];
  for (let i = 0; i < share; i++) {
    const scene = trainingScene(i);
    const picture = drawScene(scene, size, { seed: Math.floor(next() * 2 ** 32) });
    writeSync(file, picture.rgb);
    const captions = [caption(scene)];
    while (captions.length < CAPTIONS_PER_PICTURE) captions.push(variedCaption(scene, next));
    lines.push(JSON.stringify({ scene, boxes: picture.boxes, captions }));
  }
  closeSync(file);
  writeFileSync(`${name}.jsonl`, `${lines.join('\n')}\n`);
}

for (const heldOut of [false, true]) {
  const prompts = testPrompts(TEST_PROMPTS, heldOut);
  const name = join(out, heldOut ? 'held-out' : 'seen');
  writeFileSync(`${name}.json`, JSON.stringify(prompts));
  const pictures = prompts.map(({ scene, size }, i) => drawScene(scene, size, { seed: 900000 + i }).rgb);
  writeFileSync(`${name}.bin`, Buffer.concat(pictures));
}
console.log(`${count} pictures in ${(Date.now() - started) / 1000} s`);
