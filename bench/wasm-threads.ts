// One double and one single block of FLUX.1's width on wasm in headless Chromium, on a page that is
// cross-origin isolated: with one thread and with two, in turns.
//
//   npx tsx bench/wasm-threads.ts [--size 256x256] [--text-tokens 256] [--rounds 3]
//
// The defaults are 512 tokens. One JSON line per block: milliseconds of a run (median of the
// rounds, and the fastest, which a busy machine disturbs least), and how many times as fast two
// threads are. Needs 1 GB in the temporary folder. Random weights in q4.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { folderBundle } from '@flux-srpo/runtime/node';
import type { Line } from './gpu/questions.ts';
import type { Input } from './pages/wasm-threads.worker.ts';
import { runWorker } from './support/chromium.ts';
import { writeFewBlocks } from './support/few-blocks.ts';
import { medianAndFastest } from './support/median.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '256x256' },
    'text-tokens': { type: 'string', default: '256' },
    rounds: { type: 'string', default: '3' },
  },
});
const { size } = values;
const textTokens = Number(values['text-tokens']);

const THREADS = [1, 2] as const;
const KINDS = ['double', 'single'] as const;

const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-blocks-'));
try {
  await writeFewBlocks(folder);
  const server = await serveBench(folderBundle(folder));
  /** Milliseconds by kind of block and number of threads, a number a round. */
  const times = new Map<string, number[]>();
  const load: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const threads of THREADS) {
      const input: Input = { bundle: server.bundle, threads, size, textTokens };
      const { result } = await runWorker<Line[]>(server.url, 'wasm-threads.worker.ts', input);
      load.push(loadavg()[0] ?? 0);
      for (const { kind, seconds } of result) {
        const key = `${kind} ${threads}`;
        times.set(key, [...(times.get(key) ?? []), 1000 * (seconds as number)]);
        process.stderr.write(`round ${round + 1}, ${key}: ${Math.round(1000 * (seconds as number))} ms\n`);
      }
    }
  }
  for (const kind of KINDS) {
    const [one, two] = THREADS.map((threads) => medianAndFastest(times.get(`${kind} ${threads}`)!));
    const times2 = { median: one!.median / two!.median, fastest: one!.fastest / two!.fastest };
    const line = { bench: 'wasm-threads', kind, size, textTokens, one, two, faster: times2 };
    const more = { cpu: cpus()[0]?.model, load: { least: Math.min(...load), most: Math.max(...load) } };
    process.stdout.write(`${JSON.stringify({ ...line, ...more })}\n`);
  }
  await server.close();
} finally {
  await rm(folder, { recursive: true });
}
