// FLUX.1 [dev]'s whole shape, with 11.9 billion parameters in the transformer: prompt → T5 →
// modulation → 57 blocks → VAE. The weights are random and made while they are read. Runs in Node
// (onnxruntime-node) and in headless Chromium (WebGPU, through the library's client and its own
// worker), and compares the two pictures.
//
//   npx tsx bench/twelve-billion.ts [--bundle <folder of synth --virtual>] [--size 64x64]
//                                   [--text-tokens 32] [--steps 1] [--budget 2000000000]
//                                   [--only node | chromium]
//
// One JSON line per runtime, then one of the comparison. Progress goes to stderr. Takes minutes to
// an hour.

import { parseArgs } from 'node:util';
import { parseSize } from '@flux-srpo/core';
import { openBundle } from '@flux-srpo/runtime';
import { createNodeBackend } from '@flux-srpo/runtime/node';
import type { ClientResult, Input } from './pages/twelve-billion.page.ts';
import { type Generation, generateOnce, modeOf, PROMPT, plannedByDevice, planOf, SEED } from './support/generation.ts';
import { counted, modelFiles } from './support/model-files.ts';

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
const { manifest } = await openBundle(model);
const plan = planOf(manifest, generation);
const planned = plannedByDevice(plan);
const inNode = values.only === 'chromium' ? undefined : await runNode();
const inChromium = values.only === 'node' ? undefined : await runChromium();
if (inNode !== undefined && inChromium !== undefined) compare(inNode, inChromium);

/** @returns the picture, [H, W, 3] */
async function runNode(): Promise<Uint8Array> {
  const backend = await createNodeBackend();
  const { files, sent } = counted(model);
  // On this provider a tensor of the "device" is an ArrayBuffer. A freed one stays until it is
  // collected.
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
  const { rgb, info, timings, areFinite } = report;
  const measured = { heap: peak, peakResident: { node: maxRSS * 1024 }, bytesSent: sent(), cpuSeconds };
  print('node', { runtimeVersion: info.runtimeVersion, timings, counted: report.counted, areFinite, ...measured });
  return rgb;
}

/** @returns the picture, [H, W, 3] */
async function runChromium(): Promise<number[]> {
  // Imported here, because Vite and Playwright would add 75 MB to the memory measured for Node.
  const [{ runPage }, { serveBench }] = await Promise.all([
    import('./support/chromium.ts'),
    import('./support/serve.ts'),
  ]);
  const server = await serveBench(model);
  try {
    const { size, steps, textTokens, memoryBudget } = generation;
    const request = {
      prompt: PROMPT,
      image_size: size,
      num_inference_steps: steps,
      max_sequence_length: textTokens,
      seed: SEED,
    };
    const input: Input = { bundle: server.bundle, memoryBudget, request };
    const { result, gpuPeaks, ...memory } = await runPage<ClientResult>(
      server.url,
      'twelve-billion.page.ts',
      input,
      note,
    );
    const { response, rgb, loadMs } = result;
    print('chromium', { ...response, loadMs, counted: gpuPeaks, ...memory, bytesSent: server.sent() });
    return rgb;
  } finally {
    await server.close();
  }
}

function print(where: string, report: object): void {
  line({ bench: 'twelve-billion', where, ...generation, mode: modeOf(plan), planned, ...report });
}

/** Differences in levels of 0 … 255. */
function compare(expected: ArrayLike<number>, got: ArrayLike<number>): void {
  const differences = Array.from(expected, (level, i) => Math.abs(level - (got[i] ?? Number.NaN)));
  const different = differences.filter((difference) => difference !== 0).length;
  const largestDifference = differences.reduce((max, x) => Math.max(max, x), 0);
  line({ bench: 'twelve-billion', levels: differences.length, different, largestDifference });
}

function note(text: unknown): void {
  const seconds = Math.round(performance.now() / 1000);
  process.stderr.write(`${seconds} s  ${typeof text === 'string' ? text : JSON.stringify(text)}\n`);
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
