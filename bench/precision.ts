// What half precision does to pictures: the same prompts and seeds through the float32 graphs and
// the float16 graphs, on the CPU. The CPU adds exactly in both; on a GPU, sums in halves add to
// this error.
//
//   npx tsx bench/precision.ts [--bundle models/tiny/bundle] [--count 21]
//
// One JSON line: PSNR between the two (dB over the pixels of all pictures), and how well each set
// of pictures matches its prompts.

import { parseArgs } from 'node:util';
import type { Precision } from '@flux-srpo/core';
import { createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { checkPicture, type Reading } from '../models/tiny/scenes/check.ts';
import type { Scene } from '../models/tiny/scenes/grammar.ts';
import { testPrompts } from '../models/tiny/scenes/prompts.ts';
import { summarise } from '../models/tiny/scenes/score.ts';
import { psnr } from '../test/support/psnr.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    count: { type: 'string', default: '21' },
  },
});
const prompts = testPrompts(Number(values.count), true);

async function draw(precision: Precision) {
  const bundle = await openBundle(folderBundle(values.bundle));
  const pipeline = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1, precision }) });
  const pictures: Uint8Array[] = [];
  const pairs: { read: Reading; asked: Scene }[] = [];
  for (const [seed, { prompt, scene, size }] of prompts.entries()) {
    const { images } = await pipeline.generate({ prompt, size, seed });
    for (const { rgb, width, height } of images) {
      pictures.push(rgb);
      pairs.push({ read: checkPicture(rgb, width, height), asked: scene });
    }
  }
  await pipeline.dispose();
  const { mean, attributes } = summarise(pairs);
  return { pictures, adherence: { mean, kind: attributes.kind } };
}

const whole = await draw('f32');
const half = await draw('f16');
const record = {
  count: prompts.length,
  psnr: psnr(whole.pictures, half.pictures),
  f32: whole.adherence,
  f16: half.adherence,
};
process.stdout.write(`${JSON.stringify(record)}\n`);
