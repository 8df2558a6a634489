// Measures how well pictures made by this library's own engine match their prompts.
//
//   npx tsx models/tiny/evaluate.ts --bundle models/tiny/bundle [--count 96]
//       [--set held-out|seen] [--steps 28] [--guidance 4.5]
//
// Prints one JSON object: shares per attribute, their mean, and the same with the prompts shuffled
// as a control.

import { parseArgs } from 'node:util';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { checkPicture, type Reading } from './scenes/check.ts';
import type { Scene } from './scenes/grammar.ts';
import { testPrompts } from './scenes/prompts.ts';
import { random, shuffle } from './scenes/random.ts';
import { summarise } from './scenes/score.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    count: { type: 'string', default: '96' },
    set: { type: 'string', default: 'held-out' },
    steps: { type: 'string', default: '28' },
    guidance: { type: 'string', default: '4.5' },
  },
});

const prompts = testPrompts(Number(values.count), values.set === 'held-out');
const pipeline = await createPipeline({
  bundle: await openBundle(folderBundle(values.bundle)),
  backend: await createNodeBackend(),
});
const pairs: { read: Reading; asked: Scene }[] = [];
const started = performance.now();
for (const [index, { prompt, scene, size }] of prompts.entries()) {
  const { images } = await pipeline.generate({
    prompt,
    size,
    steps: Number(values.steps),
    guidance: Number(values.guidance),
    seed: index,
  });
  const { rgb, width, height } = images[0] as (typeof images)[0];
  pairs.push({ read: checkPicture(rgb, width, height), asked: scene });
}
await pipeline.dispose();

// The control: each picture against the prompt of a random other one.
const others = shuffle(
  pairs.map(({ asked }) => asked),
  random(5),
);
const shuffled = pairs.map(({ read }, i) => ({ read, asked: others[i] as Scene }));
const seconds = (performance.now() - started) / 1000;
process.stdout.write(
  `${JSON.stringify({ ...values, seconds, scores: summarise(pairs), shuffled: summarise(shuffled) })}\n`,
);
