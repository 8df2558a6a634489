// How fast this machine's GPU runs FLUX.1's transformer, in Node on Dawn: seconds and TFLOP/s of a
// denoising step. A plain matrix product in WGSL is timed too, as the ceiling.
//
//   npx tsx bench/gpu.ts [--size 512x512 --size 1024x768 --size 1024x1024]
//                        [--precision auto | f32 | f16] [--dtype q4] [--bundle <folder>]
//                        [--steps 4] [--tokens 512] [--budget 16e9] [--matmul 4096]
//                        [--no-self-test]
//
// The whole pipeline runs at full width, from prompt to picture. Without --bundle its weights are
// random and made while they are read, as those of `synth --virtual`. The first step compiles
// shaders; `seconds` is the median of the other steps.
//
// One JSON line for the matrix product and one per size. Without a GPU: `npm run gpu 8
// node_modules/tsx/dist/cli.mjs bench/gpu.ts` computes on a software adapter.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, hiddenSize, type Precision, parseSize, tokenGrid, type WeightClass } from '@flux-srpo/core';
import { createWebGpuBackend } from '@flux-srpo/runtime';
import { installDawn } from '@flux-srpo/runtime/node';
import { generateOnce, modeOf, plannedByDevice } from './support/generation.ts';
import { timeMatMul } from './support/matmul.ts';
import { modelFiles } from './support/model-files.ts';

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
  },
});
await installDawn();

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
  const grid = tokenGrid(generation.size);
  const seconds = median(timings.steps.slice(1)) / 1000;
  const teraflops = stepFlops(grid.height * grid.width + textTokens) / seconds / 1e12;
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
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/**
 * Operations of all blocks: 12·H² weights per token in either kind of block, then scores and mixing
 * over all pairs of tokens.
 */
function stepFlops(tokens: number): number {
  const { num_layers, num_single_layers } = FLUX1_DEV.transformer;
  const width = hiddenSize(FLUX1_DEV.transformer);
  return (num_layers + num_single_layers) * (2 * tokens * 12 * width ** 2 + 4 * tokens ** 2 * width);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'gpu', ...record })}\n`);
}
