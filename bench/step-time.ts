// A denoising step of the embedded model on onnxruntime-node, wasm and WebGPU in headless Chromium,
// and diffusers: on the same processor, in one run, taking turns.
//
//   npx tsx bench/step-time.ts [--bundle models/tiny/bundle]… [--size 192x144]… [--steps 12]
//                              [--rounds 3] [--threads 1] [--only "chromium wasm"]
//                              [--python <python>
//                              --pipeline <diffusers folder that the bundle was made from>]
//
// One JSON line per runtime, bundle and size: milliseconds of a step (median of all rounds, and the
// fastest, which a busy machine disturbs least), and how busy the machine was. wasm runs on one and
// on two threads. WebGPU without a GPU is SwiftShader, which takes all cores. diffusers computes in
// fp32 and needs Python (test/reference/requirements.txt).

import { execFile } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { type Manifest, parseManifest, parseSize, tokenCount } from '@flux-srpo/core';
import type { BundleFiles } from '@flux-srpo/runtime';
import { createNodeBackend, folderBundle } from '@flux-srpo/runtime/node';
import type { StepInput } from './pages/step-time.worker.ts';
import { runWorker } from './support/chromium.ts';
import { serveBench } from './support/serve.ts';
import { type StepRequest, stepTimes } from './support/step-times.ts';

const { values } = parseArgs({
  options: {
    bundle: { type: 'string', multiple: true, default: ['models/tiny/bundle'] },
    size: { type: 'string', multiple: true, default: ['192x144'] },
    steps: { type: 'string', default: '12' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
    only: { type: 'string' },
    python: { type: 'string' },
    pipeline: { type: 'string' },
  },
});
const threads = Number(values.threads);
const SCRIPT = fileURLToPath(new URL('step_time.py', import.meta.url));

/** One way to compute a step. */
interface Contender {
  where: string;
  /** Fields of its JSON line beside the times. */
  how: object;
  run(request: StepRequest): Promise<number[]>;
}

const contenders: Contender[] = [];
const servers: { close(): Promise<void> }[] = [];
for (const folder of values.bundle) {
  const files = folderBundle(folder);
  const how = { bundle: (await readManifest(files)).quantization.recipe.attention };
  const server = await serveBench(files);
  servers.push(server);
  const inChromium = (backend: StepInput['backend'], threads?: number) => async (request: StepRequest) => {
    const input: StepInput = { bundle: server.bundle, backend, request, ...(threads !== undefined && { threads }) };
    return (await runWorker<number[]>(server.url, 'step-time.worker.ts', input)).result;
  };
  contenders.push(
    {
      where: 'onnxruntime-node',
      how: { ...how, threads },
      run: async (request) => stepTimes(files, await createNodeBackend({ threads }), request),
    },
    ...[1, 2].map((count) => ({
      where: 'chromium wasm',
      how: { ...how, threads: count },
      run: inChromium('wasm', count),
    })),
    { where: 'chromium webgpu', how: { ...how, threads: availableParallelism() }, run: inChromium('webgpu') },
  );
}
const { python, pipeline } = values;
if (python === undefined || pipeline === undefined) {
  line({ where: 'diffusers', skipped: '--python and --pipeline were not given' });
} else {
  contenders.push({
    where: 'diffusers',
    how: { dtype: 'f32', threads },
    async run(request) {
      const args = [SCRIPT, pipeline, JSON.stringify(request), String(threads)];
      const { stdout } = await promisify(execFile)(python, args, {
        env: { ...process.env, OMP_NUM_THREADS: String(threads) },
      });
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    },
  });
}

const manifest = await readManifest(folderBundle(values.bundle[0] ?? ''));
for (const text of values.size) {
  const size = parseSize(text);
  const request: StepRequest = {
    prompt: manifest.examples?.[0] ?? 'a red house',
    size,
    steps: Number(values.steps),
    guidance: manifest.defaults.guidance_scale,
    textTokens: manifest.tokenizers.tokenizer_2.max_length,
  };
  const chosen = contenders.filter(({ where }) => where.includes(values.only ?? ''));
  const rounds = new Map<Contender, number[][]>(chosen.map((contender) => [contender, []]));
  const load: number[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [contender, times] of rounds) {
      times.push(await contender.run(request));
      load.push(loadavg()[0] ?? 0);
      process.stderr.write(`${text} round ${round + 1} ${contender.where}: ${round2(median(times.at(-1)!))} ms\n`);
    }
  }
  for (const [{ where, how }, times] of rounds) {
    line({
      where,
      ...how,
      size: text,
      imageTokens: tokenCount(size),
      textTokens: request.textTokens,
      steps: request.steps,
      rounds: times.length,
      msPerStep: { median: round2(median(times.flat())), fastest: round2(Math.min(...times.flat())) },
      cpu: cpus()[0]?.model,
      load: { least: Math.min(...load), most: Math.max(...load) },
    });
  }
}
for (const server of servers) await server.close();

async function readManifest(files: BundleFiles): Promise<Manifest> {
  const source = await files.open('manifest.json');
  try {
    return parseManifest(new TextDecoder().decode(await source.read(0, source.size)));
  } finally {
    await source.close?.();
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle) - 1] as number)) / 2;
}

function round2(number: number): number {
  return Math.round(100 * number) / 100;
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'step-time', ...record })}\n`);
}
