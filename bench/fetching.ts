// How fast a bundle is fetched into the browser's storage, beside fetching the same bytes from the
// same server and throwing them away, beside the least that storing takes (the same lanes collect,
// hash and write, and nothing else), and how fast what is stored is checked.
//
//   npx tsx bench/fetching.ts [--bundle <folder>] [--rounds 5]
//
// One JSON line: MB/s, and MB per CPU second of browser and server together, medians of rounds in
// which the steps take turns; of the others, the medians of each round's ratios.

import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBundle } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import type { Step } from './pages/fetching.page.ts';
import { writeFewBlocks } from './support/few-blocks.ts';
import { median } from './support/median.ts';
import { cpuOfTree } from './support/process-memory.ts';
import { openProfile } from './support/profile.ts';
import { serveBench } from './support/serve.ts';

const STEPS: readonly Step[] = ['plain', 'bare', 'least', 'kept', 'checked'];

const { values } = parseArgs({ options: { bundle: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
const temporary = values.bundle === undefined ? await mkdtemp(join(tmpdir(), 'flux-srpo-fetching-')) : undefined;
try {
  const folder = values.bundle ?? join(temporary as string, 'bundle');
  if (temporary !== undefined) await writeFewBlocks(folder);
  const server = await serveBench(folderBundle(folder));
  const browser = await openProfile(server.url);
  const { manifest } = await openBundle(folderBundle(folder));
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const rates: Record<Step, number[]> = { plain: [], bare: [], least: [], kept: [], checked: [] };
  const byCpu: Record<Step, number[]> = { plain: [], bare: [], least: [], kept: [], checked: [] };
  try {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const step of STEPS) {
        const before = cpuOfTree(process.pid);
        rates[step].push(await browser.page.evaluate(measure, { step, bundle: server.bundle }));
        byCpu[step].push(bytes / 1e6 / (cpuOfTree(process.pid) - before));
      }
    }
  } finally {
    await browser.close();
    await server.close();
  }
  const ratio = (over: Step) => Number(median(rates.kept.map((rate, i) => rate / rates[over][i]!)).toFixed(2));
  const line = {
    bench: 'fetching',
    version: browser.version,
    unit: 'MB/s',
    ...medians(rates),
    perCpuSecond: medians(byCpu),
    ofPlain: ratio('plain'),
    ofBare: ratio('bare'),
    ofLeast: ratio('least'),
    load: loadavg()[0],
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
} finally {
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

/** Runs in the page. */
async function measure({ step, bundle }: { step: Step; bundle: string }): Promise<number> {
  const module = '/fetching.page.ts';
  return (await import(module)).run(step, bundle);
}

function medians(all: Record<Step, number[]>): Record<string, number> {
  return Object.fromEntries(Object.entries(all).map(([step, values]) => [step, Math.round(median(values))]));
}
