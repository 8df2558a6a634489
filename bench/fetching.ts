// How fast a bundle is fetched into the browser's storage, beside fetching the same bytes from the
// same server and throwing them away, and how fast what is stored is checked.
//
//   npx tsx bench/fetching.ts [--bundle <folder>] [--rounds 5]
//
// One JSON line: MB/s, medians of rounds that take turns.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { folderBundle } from '@flux-srpo/runtime/node';
import type { Input, Result } from './pages/fetching.page.ts';
import { writeFewBlocks } from './support/few-blocks.ts';
import { openProfile } from './support/profile.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({ options: { bundle: { type: 'string' }, rounds: { type: 'string', default: '5' } } });
const temporary = values.bundle === undefined ? await mkdtemp(join(tmpdir(), 'flux-srpo-fetching-')) : undefined;
try {
  const folder = values.bundle ?? join(temporary as string, 'bundle');
  if (temporary !== undefined) await writeFewBlocks(folder);
  const server = await serveBench(folderBundle(folder));
  const browser = await openProfile(server.url);
  try {
    const input: Input = { bundle: server.bundle, rounds: Number(values.rounds) };
    const rates: Result = await browser.page.evaluate(measure, input);
    const medians = Object.entries(rates).map(([name, all]) => [name, Math.round(median(all))]);
    const line = { bench: 'fetching', version: browser.version, unit: 'MB/s', ...Object.fromEntries(medians) };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } finally {
    await browser.close();
    await server.close();
  }
} finally {
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

/** Runs in the page. */
async function measure(input: Input): Promise<Result> {
  const module = '/fetching.page.ts';
  return (await import(module)).run(input);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}
