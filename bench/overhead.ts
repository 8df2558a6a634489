// What JavaScript and WebAssembly cost in a step of FLUX.1's 57 blocks at full width, with all
// weights on the device. `dispatchWorkgroups` does nothing here, so that only the submitting is
// timed.
//
//   npx tsx bench/overhead.ts [--bundle <folder of synth --virtual>] [--size 1024x1024]
//                             [--text-tokens 512] [--steps 12]
//
// One JSON line: milliseconds of a step, CPU seconds of a step by thread (Linux; a busy machine
// does not change these), and calls per step. Without --bundle: FLUX.1's transformer behind text
// encoders of one layer. Needs 7 GB of memory for SwiftShader's buffers.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, type ModelConfig, parseSize } from '@flux-srpo/core';
import type { Input, Result } from './pages/overhead.worker.ts';
import { runWorker } from './support/chromium.ts';
import { modelFiles } from './support/model-files.ts';
import { cpuSeconds } from './support/process-memory.ts';
import { serveBench } from './support/serve.ts';
import { STEP_DONE } from './support/worker.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string' },
    size: { type: 'string', default: '1024x1024' },
    'text-tokens': { type: 'string', default: '512' },
    steps: { type: 'string', default: '12' },
  },
});
/** One layer each, because text encoding is not measured. */
const SHORT_TEXT: ModelConfig = {
  ...FLUX1_DEV,
  text_encoder: { ...FLUX1_DEV.text_encoder, num_hidden_layers: 1 },
  text_encoder_2: { ...FLUX1_DEV.text_encoder_2, num_layers: 1 },
};

const server = await serveBench(await modelFiles(values.bundle, SHORT_TEXT));
try {
  const size = parseSize(values.size);
  const input: Input = {
    bundle: server.bundle,
    ...size,
    textTokens: Number(values['text-tokens']),
    steps: Number(values.steps),
  };
  const clocks: Map<string, number>[] = [];
  const onNote = (note: unknown, browserPid: number): void => {
    process.stderr.write(`${JSON.stringify(note)}\n`);
    if (note === STEP_DONE) clocks.push(cpuSeconds(browserPid));
  };
  const { result, heap, peakResident } = await runWorker<Result>(server.url, 'overhead.worker.ts', input, onNote);
  const { steps, runs, reads, ...counts } = result;
  const record = {
    bench: 'overhead',
    ...size,
    textTokens: input.textTokens,
    stepMs: summary(steps),
    runMs: summary(runs),
    readMs: summary(reads),
    cpuSeconds: perStep(clocks),
    ...counts,
    heap,
    peakResident,
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
} finally {
  await server.close();
}

/**
 * CPU seconds of one step by thread, from the first to the last of these samples. Threads below 10
 * ms a step are left out.
 */
function perStep(clocks: readonly Map<string, number>[]): Record<string, number> {
  const [first, last] = [clocks[0] ?? new Map(), clocks.at(-1) ?? new Map()];
  const rates = [...last].map(([thread, seconds]): [string, number] => [
    thread,
    Math.round((100 * (seconds - (first.get(thread) ?? 0))) / (clocks.length - 1)) / 100,
  ]);
  return Object.fromEntries(rates.filter(([, seconds]) => seconds >= 0.01));
}

function summary(milliseconds: readonly number[]): { least: number; median: number } {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const round = (x = Number.NaN) => Math.round(10 * x) / 10;
  return { least: round(sorted[0]), median: round(sorted[Math.floor(sorted.length / 2)]) };
}
