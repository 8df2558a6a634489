// Writes the training set: one file of raw RGB bytes per size, and a line of JSON per picture.
//
//   npx --yes tsx models/tiny/scenes/make-dataset.ts --out FOLDER [--count 24000] [--seed 1]
//
// Only scenes that are not held out are written, except to held-out.* (for the autoencoder's
// validation and the checker's controls).

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { drawScene } from './draw.ts';
import type { Scene, Size } from './grammar.ts';
import { allScenes, caption, isHeldOut, random, SIZES, testPrompts, variedCaption } from './grammar.ts';

function option(name: string, fallback: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

const CAPTIONS_PER_PICTURE = 6;
const out = option('out', 'dataset');
const count = Number(option('count', '24000'));
const seed = Number(option('seed', '1'));
const next = random(seed);
mkdirSync(out, { recursive: true });

const sizeName = (size: Size): string => `${size.width}x${size.height}`;

/**
 * Scenes in shuffled rounds, so that each occurs equally often; boats twice (they have one ground
 * only).
 */
function* deal(scenes: Scene[]): Generator<Scene> {
  const deck = scenes.flatMap((scene) => (scene.kind === 'boat' ? [scene, scene, scene] : [scene]));
  for (;;) {
    for (let i = deck.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [deck[i], deck[j]] = [deck[j] as Scene, deck[i] as Scene];
    }
    yield* deck;
  }
}

const started = Date.now();
const scenes = deal(allScenes().filter((scene) => !isHeldOut(scene)));
for (const [index, size] of SIZES.entries()) {
  // Half of the pictures are square, a quarter each landscape and portrait.
  const share = Math.round(count * (index === 0 ? 0.5 : 0.25));
  const file = openSync(join(out, `train-${sizeName(size)}.bin`), 'w');
  const lines: string[] = [];
  for (let i = 0; i < share; i++) {
    const scene = scenes.next().value as Scene;
    const picture = drawScene(scene, size, { seed: Math.floor(next() * 2 ** 32) });
    writeSync(file, picture.rgb);
    const captions = [caption(scene)];
    while (captions.length < CAPTIONS_PER_PICTURE) captions.push(variedCaption(scene, next));
    lines.push(JSON.stringify({ scene, box: picture.box, captions }));
  }
  closeSync(file);
  writeFileSync(join(out, `train-${sizeName(size)}.jsonl`), `${lines.join('\n')}\n`);
}

for (const heldOut of [false, true]) {
  const prompts = testPrompts(168, heldOut);
  const name = heldOut ? 'held-out' : 'seen';
  writeFileSync(join(out, `${name}.json`), JSON.stringify(prompts));
  const pictures = prompts.map(({ scene, size }, i) => drawScene(scene, size, { seed: 900000 + i }).rgb);
  writeFileSync(join(out, `${name}.bin`), Buffer.concat(pictures));
}
const held = allScenes().filter(isHeldOut).length;
console.log(
  `${count} pictures in ${(Date.now() - started) / 1000} s; ${held} of ${allScenes().length} scenes held out`,
);
