// Seconds from prompt to picture of the embedded model on wasm in headless Chromium, with every
// step computed and with `acceleration: 'high'`, in turns.
//
//   npx tsx bench/picture-time.ts [--bundle models/tiny/bundle] [--threads 1] [--count 6]
//
// One JSON line: the median and the fastest of `count` prompts, the first picture of all (which
// makes the sessions), and how busy the machine was. Size, steps and guidance are the bundle's.

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { folderBundle } from '@flux-srpo/runtime/node';
import { testPrompts } from '../models/tiny/scenes/prompts.ts';
import type { PictureInput, PictureTimes } from './pages/picture-time.worker.ts';
import { runWorker } from './support/chromium.ts';
import { medianAndFastest } from './support/median.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', default: 'models/tiny/bundle' },
    threads: { type: 'string', default: '1' },
    count: { type: 'string', default: '6' },
  },
});
const server = await serveBench(folderBundle(values.bundle));
const input: PictureInput = {
  bundle: server.bundle,
  threads: Number(values.threads),
  prompts: testPrompts(Number(values.count), true).map(({ prompt }) => prompt),
};
const { first, none, high } = (await runWorker<PictureTimes>(server.url, 'picture-time.worker.ts', input)).result;
await server.close();

const line = {
  ...values,
  first,
  none: medianAndFastest(none),
  high: medianAndFastest(high),
  cpu: cpus()[0]?.model,
  load: loadavg()[0],
};
process.stdout.write(`${JSON.stringify(line)}\n`);
