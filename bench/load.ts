// How fast blocks of FLUX.1's width get from disk, server or private storage to the device, beside
// a raw read of the same bytes.
//
//   npx tsx bench/load.ts [--bundle <folder>] [--rounds 3] [--only node | chromium]
//
// One JSON line per place: MB/s of bytes on disk, best of the rounds. Without --bundle, a bundle of
// random weights with 2 double and 4 single blocks (510 MB of blocks) is written to the system's
// temporary folder and removed afterwards.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BundleFiles } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import type { Input, Result } from './pages/load.worker.ts';
import { runWorker } from './support/chromium.ts';
import { writeFewBlocks } from './support/few-blocks.ts';
import { type LoadRates, measureLoading } from './support/loading.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: { bundle: { type: 'string' }, rounds: { type: 'string', default: '3' }, only: { type: 'string' } },
});
const rounds = Number(values.rounds);

const temporary = values.bundle === undefined ? await mkdtemp(join(tmpdir(), 'flux-srpo-load-')) : undefined;
try {
  const folder = values.bundle ?? join(temporary as string, 'bundle');
  if (temporary !== undefined) await writeFewBlocks(folder);
  const files = folderBundle(folder);
  if (values.only !== 'chromium') {
    print('node', 'disk', await measureLoading(files, await createNodeBackend(), rounds));
  }
  if (values.only !== 'node') await inChromium(files);
} finally {
  if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
}

async function inChromium(files: BundleFiles): Promise<void> {
  const server = await serveBench(files);
  try {
    const input: Input = { bundle: server.bundle, rounds };
    const { result } = await runWorker<Result>(server.url, 'load.worker.ts', input);
    for (const [source, rates] of Object.entries(result)) print('chromium', source, rates);
  } finally {
    await server.close();
  }
}

function print(where: string, source: string, { byCpu, ...rates }: LoadRates): void {
  const rounded = (of: object) =>
    Object.fromEntries(Object.entries(of).map(([kind, rate]) => [kind, Math.round(rate)]));
  const cpu = byCpu === undefined ? {} : { perCpuSecond: rounded(byCpu) };
  process.stdout.write(
    `${JSON.stringify({ bench: 'load', where, source, unit: 'MB/s', ...rounded(rates), ...cpu })}\n`,
  );
}
