// How fast blocks of FLUX.1's width get from disk, server or private storage to the device, beside
// a raw read of the same bytes, the same put on the device unchecked, SHA-256 alone, and the least
// that all three take (`bench/support/loading.ts`).
//
//   npx tsx bench/load.ts [--bundle <folder>] [--rounds 5] [--only node | kept | http]
//                         [--provider wasm | webgpu]
//
// One JSON line per place and provider: MB/s of bytes on disk, CPU seconds of all processes,
// medians of the rounds; how `loaded` compares, medians of each round's ratios. Without --bundle, a
// bundle of random weights with 2 double and 4 single blocks (510 MB of blocks) is written to the
// system's temporary folder and removed afterwards.

import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BundleFiles } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import type { Input } from './pages/load.worker.ts';
import { writeFewBlocks } from './support/few-blocks.ts';
import { LOAD_STEPS, type LoadRates, type LoadStep, measureLoading, plainReads } from './support/loading.ts';
import { median } from './support/median.ts';
import { cpuOfTree } from './support/process-memory.ts';
import { runInProfile } from './support/profile.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    provider: { type: 'string' },
  },
});
const rounds = Number(values.rounds);

const temporary = values.bundle === undefined ? await mkdtemp(join(tmpdir(), 'flux-srpo-load-')) : undefined;
try {
  const folder = values.bundle ?? join(temporary as string, 'bundle');
  if (temporary !== undefined) await writeFewBlocks(folder);
  const files = folderBundle(folder);
  if ((values.only ?? 'node') === 'node') await inNode(files);
  for (const from of ['http', 'kept'] as const) {
    for (const provider of ['wasm', 'webgpu'] as const) {
      const isAsked = (values.only ?? from) === from && (values.provider ?? provider) === provider;
      if (isAsked) await inChromium(files, { provider, from });
    }
  }
} finally {
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

async function inNode(files: BundleFiles): Promise<void> {
  const cpu = cpuClock();
  const place = { files, read: plainReads(files) };
  const rates = await measureLoading(place, await createNodeBackend(), rounds, cpu.onStep);
  print({ where: 'node', from: 'disk' }, rates, cpu.seconds);
}

async function inChromium(files: BundleFiles, what: Pick<Input, 'provider' | 'from'>): Promise<void> {
  const server = await serveBench(files);
  const cpu = cpuClock();
  try {
    const input: Input = { bundle: server.bundle, rounds, ...what };
    const rates = await runInProfile<LoadRates>(server.url, 'load.worker.ts', input, (note) =>
      cpu.onStep(note as LoadStep),
    );
    print({ where: 'chromium', ...what }, rates, cpu.seconds);
  } finally {
    await server.close();
  }
}

/** CPU seconds of each step, round for round. */
function cpuClock() {
  const seconds: Partial<Record<LoadStep, number[]>> = {};
  let [last, since] = ['end' as LoadStep | 'end', 0];
  return {
    seconds,
    onStep(step: LoadStep | 'end') {
      const now = cpuOfTree(process.pid);
      if (last !== 'end') seconds[last] = [...(seconds[last] ?? []), now - since];
      [last, since] = [step, now];
    },
  };
}

function print(what: object, rates: LoadRates, cpu: Partial<Record<LoadStep, number[]>>): void {
  const each = (value: (step: LoadStep) => number, digits: number) =>
    Object.fromEntries(LOAD_STEPS.map((step) => [step, Number(value(step).toFixed(digits))]));
  const ratio = (to: LoadStep) => Number(median(rates.loaded.map((rate, i) => rate / rates[to][i]!)).toFixed(2));
  const ratios = { ofRaw: ratio('raw'), ofPlaced: ratio('placed'), ofHashed: ratio('hashed'), ofLeast: ratio('least') };
  const line = { bench: 'load', ...what, unit: 'MB/s', ...each((step) => median(rates[step]), 0), ...ratios };
  const cpuSeconds = each((step) => median(cpu[step]!), 2);
  process.stdout.write(`${JSON.stringify({ ...line, cpuSeconds, load: loadavg()[0] })}\n`);
}
