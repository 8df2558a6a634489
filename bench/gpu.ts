// How fast this machine's GPU runs FLUX.1's transformer, in Node on Dawn: seconds and TFLOP/s of a
// denoising step. A plain matrix product in WGSL is timed too, as the ceiling.
//
//   npx tsx bench/gpu.ts [--size 512x512 --size 1024x768 --size 1024x1024]
//                        [--precision auto | f32 | f16] [--dtype q4] [--bundle <folder>]
//                        [--steps 4] [--tokens 512] [--budget 16e9] [--matmul 4096]
//                        [--no-self-test] [--profile [--teraflops 100] [--gigabytes 1000]]
//
// The whole pipeline runs at full width, from prompt to picture. Without --bundle its weights are
// random and made while they are read, as those of `synth --virtual`. The first step compiles
// shaders; `seconds` is the median of the other steps.
//
// `--profile` draws two more steps of each size, and times each kernel of the second one with
// `timestamp-query`: a line for all, and one for each kernel with its share and its least time on a
// machine of that many 10¹² operations and 10⁹ bytes a second (bench/kernels.ts).
//
// One JSON line for the matrix product and one per size. Without a GPU: `npm run gpu 8
// node_modules/tsx/dist/cli.mjs bench/gpu.ts` computes on a software adapter.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, type Precision, parseSize, tokenCount, type WeightClass } from '@flux-srpo/core';
import { createWebGpuBackend, openBundle } from '@flux-srpo/runtime';
import { installDawn } from '@flux-srpo/runtime/node';
import { generateOnce, modeOf, plannedByDevice } from './support/generation.ts';
import { PROFILED_STEPS, profileKernels } from './support/kernel-profile.ts';
import { timeMatMul } from './support/matmul.ts';
import { median } from './support/median.ts';
import { modelFiles } from './support/model-files.ts';
import { profileLines } from './support/profile-lines.ts';
import { stepFlops } from './support/step-flops.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    size: { type: 'string', multiple: true, default: ['512x512', '1024x768', '1024x1024'] },
    precision: { type: 'string', default: 'auto' },
    dtype: { type: 'string', default: 'q4' },
    bundle: { type: 'string' },
    steps: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '512' },
    budget: { type: 'string', default: '16e9' },
    matmul: { type: 'string', default: '4096' },
    'self-test': { type: 'boolean', default: true },
    profile: { type: 'boolean', default: false },
    teraflops: { type: 'string', default: '100' },
    gigabytes: { type: 'string', default: '1000' },
  },
});
await installDawn();
const profile = values.profile ? profileKernels() : undefined;

const backend = await createWebGpuBackend({
  precision: values.precision as 'auto' | Precision,
  ...(values['self-test'] ? {} : { selfTest: false as const }),
});
const { precision, adapter, selfTest, runtimeVersion, build } = backend.info;
const machine = {
  adapter: adapter?.description || `${adapter?.vendor} ${adapter?.architecture}`,
  runtimeVersion,
  build,
};
line({ what: 'adapter', ...machine, precision, selfTest });
await ceiling(precision, Number(values.matmul));
const files = await modelFiles(values.bundle, FLUX1_DEV, values.dtype as WeightClass);
const bundle = await openBundle(files);
const { transformer } = bundle.manifest.config;
for (const size of values.size) await generate(size);
// Dawn keeps the process alive.
process.exit(0);

/** Times one product of square matrices, on a device of its own. */
async function ceiling(type: Precision, size: number): Promise<void> {
  const gpu = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  const device = await gpu!.requestDevice({ requiredFeatures: type === 'f16' ? ['shader-f16'] : [] });
  const seconds = await timeMatMul(device, type, size, 3);
  device.destroy();
  line({ what: 'matmul', ...machine, type, size, seconds, teraflops: (2 * size ** 3) / seconds / 1e12 });
}

async function generate(size: string): Promise<void> {
  const textTokens = Number(values.tokens);
  const generation = {
    size: parseSize(size),
    textTokens,
    steps: Number(values.steps),
    memoryBudget: Number(values.budget),
  };
  const { timings, plan, counted, areFinite } = await generateOnce(files, backend, generation, note);
  if (!areFinite) throw new Error('the pipeline gave numbers that are not finite');
  const seconds = median(timings.steps.slice(1)) / 1000;
  const teraflops = stepFlops(transformer, tokenCount(generation.size) + textTokens) / seconds / 1e12;
  line({
    what: 'step',
    ...machine,
    precision,
    dtype: values.dtype,
    size,
    textTokens,
    mode: modeOf(plan),
    seconds,
    teraflops,
    timings,
    planned: plannedByDevice(plan),
    counted,
  });
  if (profile === undefined) return;
  await generateOnce(files, backend, { ...generation, steps: PROFILED_STEPS }, note, profile.onTensor);
  const bounds = { teraflops: Number(values.teraflops), gigabytes: Number(values.gigabytes) };
  const about = { size: generation.size, textTokens, precision, machine: bounds };
  for (const each of await profileLines(bundle, await profile.times(), about)) line({ size, ...each });
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'gpu', ...record })}\n`);
}
