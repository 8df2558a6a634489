// What the step cache saves and what it costs, by threshold, on the same prompts and seeds.
//
//   npx tsx bench/acceleration.ts [--bundle models/tiny/bundle] [--count 24]
//                                 [--thresholds 0,0.05,0.1,0.2]
//
// One JSON line per threshold: share of steps skipped, denoising seconds per picture, PSNR against
// pictures of which every step was computed (dB over the pixels of all pictures), and how well the
// pictures match their prompts. Threshold 0 skips nothing.

import { parseArgs } from 'node:util';
import { bytesSource } from '@flux-srpo/formats';
import { type BundleFiles, createPipeline, openBundle } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import { checkPicture, type Reading } from '../models/tiny/scenes/check.ts';
import type { Scene } from '../models/tiny/scenes/grammar.ts';
import { testPrompts } from '../models/tiny/scenes/prompts.ts';
import { summarise } from '../models/tiny/scenes/score.ts';
import { psnr } from '../test/support/psnr.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    count: { type: 'string', default: '24' },
    thresholds: { type: 'string', default: '0,0.05,0.1,0.15,0.2,0.3' },
  },
});
const prompts = testPrompts(Number(values.count), true);

/** The same bundle with other thresholds in its manifest. All its other files stay the same. */
function withThreshold(files: BundleFiles, threshold: number): BundleFiles {
  return {
    name: files.name,
    async open(path, size) {
      if (path !== 'manifest.json') return files.open(path, size);
      const source = await files.open(path);
      const manifest = JSON.parse(new TextDecoder().decode(await source.read(0, source.size)));
      await source.close?.();
      manifest.step_cache = { regular: threshold, high: threshold };
      return bytesSource(new TextEncoder().encode(JSON.stringify(manifest)), path);
    },
  };
}

let reference: Uint8Array[] | undefined;
for (const threshold of values.thresholds.split(',').map(Number)) {
  const bundle = await openBundle(withThreshold(folderBundle(values.bundle), threshold));
  const pipeline = await createPipeline({ bundle, backend: await createNodeBackend({ threads: 1 }) });
  const pictures: Uint8Array[] = [];
  const pairs: { read: Reading; asked: Scene }[] = [];
  let skipped = 0;
  let steps = 0;
  let milliseconds = 0;
  for (const [seed, { prompt, scene, size }] of prompts.entries()) {
    const acceleration = threshold === 0 ? 'none' : 'regular';
    const result = await pipeline.generate({ prompt, size, seed, acceleration });
    const { rgb, width, height } = result.images[0] as (typeof result.images)[0];
    pictures.push(rgb);
    pairs.push({ read: checkPicture(rgb, width, height), asked: scene });
    skipped += result.skippedSteps;
    steps += result.request.steps;
    milliseconds += result.timings.denoise;
  }
  await pipeline.dispose();
  reference ??= pictures;
  const { attributes, mean } = summarise(pairs);
  const record = {
    threshold,
    skipped: skipped / steps,
    secondsPerPicture: milliseconds / 1000 / prompts.length,
    psnr: psnr(reference, pictures),
    mean,
    kind: attributes.kind,
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
