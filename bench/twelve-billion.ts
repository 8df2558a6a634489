// FLUX.1 [dev]'s whole shape, 11.9 billion parameters of it in the transformer: prompt → T5 → modulation → 57 blocks → VAE, with random
// weights that are made as they are read, in Node (onnxruntime-node) and in headless Chromium (WebGPU), and the two compared.
//
//   npx tsx bench/twelve-billion.ts [--bundle <folder of synth --virtual>] [--size 64x64] [--text-tokens 32] [--steps 1]
//                                   [--budget 2000000000] [--only node | chromium]
//
// One JSON line per runtime, then one per tensor that is compared. Progress goes to stderr. Takes minutes to an hour.

import { parseArgs } from 'node:util';
import { parseSize } from '@flux-srpo/core';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import type { Input } from './pages/twelve-billion.worker.ts';
import { runWorker } from './support/chromium.ts';
import { type Generation, type GenerationReport, generateOnce } from './support/generation.ts';
import { counted, modelFiles } from './support/model-files.ts';
import { serveBench } from './support/serve.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string' },
    size: { type: 'string', default: '64x64' },
    'text-tokens': { type: 'string', default: '32' },
    steps: { type: 'string', default: '1' },
    budget: { type: 'string', default: '2000000000' },
    only: { type: 'string' },
  },
});
const generation: Generation = {
  size: parseSize(values.size),
  textTokens: Number(values['text-tokens']),
  steps: Number(values.steps),
  memoryBudget: Number(values.budget),
};
const model = await modelFiles(values.bundle);
const reports: GenerationReport[] = [];
if (values.only !== 'chromium') reports.push(await inNode());
if (values.only !== 'node') reports.push(await inChromium());
const [reference, other] = reports;
if (reference !== undefined && other !== undefined) compare(reference.tensors, other.tensors);

async function inNode(): Promise<GenerationReport> {
  const backend = await createNodeBackend();
  const { files, sent } = counted(model);
  // On this provider tensors of the "device" are ArrayBuffers, and those that were freed stay until they are collected.
  const peak = { heapUsed: 0, arrayBuffers: 0, together: 0, withoutTensors: 0 };
  const look = (): void => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const together = heapUsed + arrayBuffers;
    peak.heapUsed = Math.max(peak.heapUsed, heapUsed);
    peak.arrayBuffers = Math.max(peak.arrayBuffers, arrayBuffers);
    peak.together = Math.max(peak.together, together);
    peak.withoutTensors = Math.max(peak.withoutTensors, together - backend.ledger.snapshot().bytes);
  };
  const timer = setInterval(look, 20);
  const report = await generateOnce(files, backend, generation, (text) => {
    look();
    note(text);
  });
  clearInterval(timer);
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
  print('node', report, { heap: peak, peakResident: { node: maxRSS * 1024 }, bytesSent: sent(), cpuSeconds });
  return report;
}

async function inChromium(): Promise<GenerationReport> {
  const server = await serveBench(model);
  try {
    const input: Input = { bundle: server.bundle, generation };
    const { result, ...memory } = await runWorker<GenerationReport>(
      server.url,
      'twelve-billion.worker.ts',
      input,
      note,
    );
    print('chromium', result, { ...memory, bytesSent: server.sent() });
    return result;
  } finally {
    await server.close();
  }
}

function print(where: string, { tensors, info, ...report }: GenerationReport, more: object): void {
  const { runtimeVersion, build, adapter } = info;
  const runtime = { runtimeVersion, build, adapter: adapter?.description };
  const areFinite = Object.values(tensors).every((values) => values.every(Number.isFinite));
  line({ bench: 'twelve-billion', where, ...generation, ...runtime, areFinite, ...report, ...more });
}

/** Largest and typical difference, beside the numbers' own size. NaN where one is not a number, or missing. */
function compare(expected: Record<string, number[]>, got: Record<string, number[]>): void {
  for (const [tensor, wanted] of Object.entries(expected)) {
    const differences = wanted.map((x, i) => Math.abs(x - (got[tensor]?.[i] ?? Number.NaN)));
    const maxDifference = differences.reduce((max, x) => Math.max(max, x), 0);
    line({ bench: 'twelve-billion', tensor, rms: rms(wanted), rmsDifference: rms(differences), maxDifference });
  }
}

function rms(numbers: readonly number[]): number {
  return Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
}

function note(text: unknown): void {
  const seconds = Math.round(performance.now() / 1000);
  process.stderr.write(`${seconds} s  ${typeof text === 'string' ? text : JSON.stringify(text)}\n`);
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
