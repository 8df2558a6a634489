// What JavaScript and WebAssembly cost in a step of FLUX.1's 57 blocks at full width, with all weights on the device: dispatches are taken
// away (`dispatchWorkgroups` does nothing), so that nothing is computed and only submitting is timed.
//
//   npx tsx bench/overhead.ts [--bundle <folder of synth --virtual>] [--size 1024x1024] [--text-tokens 512] [--steps 12]
//
// One JSON line: median and least milliseconds of a step, and calls per step. Needs 7 GB of memory for SwiftShader's buffers.

import { parseArgs } from 'node:util';
import { parseSize } from '@flux-srpo/core';
import type { Input, Result } from './pages/overhead.worker.ts';
import { runWorker } from './support/chromium.ts';
import { modelFiles } from './support/model-files.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string' },
    size: { type: 'string', default: '1024x1024' },
    'text-tokens': { type: 'string', default: '512' },
    steps: { type: 'string', default: '12' },
  },
});
const server = await serveBench(await modelFiles(values.bundle));
try {
  const size = parseSize(values.size);
  const input: Input = {
    bundle: server.bundle,
    ...size,
    textTokens: Number(values['text-tokens']),
    steps: Number(values.steps),
  };
  const { result, heap, peakResident } = await runWorker<Result>(server.url, 'overhead.worker.ts', input, (note) => {
    process.stderr.write(`${JSON.stringify(note)}\n`);
  });
  const { steps, runs, reads, ...counts } = result;
  const record = {
    bench: 'overhead',
    ...size,
    textTokens: input.textTokens,
    stepMs: summary(steps),
    runMs: summary(runs),
    readMs: summary(reads),
    ...counts,
    heap,
    peakResident,
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
} finally {
  await server.close();
}

function summary(milliseconds: readonly number[]): { least: number; median: number } {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const round = (x = Number.NaN) => Math.round(10 * x) / 10;
  return { least: round(sorted[0]), median: round(sorted[Math.floor(sorted.length / 2)]) };
}
