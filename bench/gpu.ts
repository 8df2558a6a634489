// How fast this machine's GPU runs FLUX.1's blocks, in Node on Dawn: seconds and TFLOP/s of a denoising step, and of a plain matrix product in
// WGSL as the ceiling.
//
//   npx tsx bench/gpu.ts [--size 512x512 --size 1024x768 --size 1024x1024] [--precision auto | f32 | f16] [--tokens 512]
//                        [--blocks 3] [--matmul 4096] [--no-self-test]
//
// Full width, random int4 weights. One double and one single block run `--blocks` times each after a first run that compiles; a step is 19 of the
// one and 38 of the other. One JSON line for the matrix product and one per size. Fetches Dawn (the package `webgpu`) when it is not there.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, hiddenSize, type Precision, parseSize, tokenGrid } from '@flux-srpo/core';
import { createWebGpuBackend, type DeviceTensor, type Stage } from '@flux-srpo/runtime';
import { downloadDawn, installDawn } from '../test/support/dawn.ts';
import { loadRealBlock, type RealBlock, type RealShape } from '../test/support/real-width.ts';
import { timeMatMul } from './support/matmul.ts';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    size: { type: 'string', multiple: true, default: ['512x512', '1024x768', '1024x1024'] },
    precision: { type: 'string', default: 'auto' },
    tokens: { type: 'string', default: '512' },
    blocks: { type: 'string', default: '3' },
    matmul: { type: 'string', default: '4096' },
    'self-test': { type: 'boolean', default: true },
  },
});
downloadDawn();
const missing = await installDawn();
if (missing !== undefined) throw new Error(missing);

const { num_layers, num_single_layers } = FLUX1_DEV.transformer;
const textTokens = Number(values.tokens);
const repeats = Number(values.blocks);
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
for (const size of values.size) await step(size);
// Dawn keeps the process alive.
process.exit(0);

/** One product of square matrices, on a device of its own. */
async function ceiling(type: Precision, size: number): Promise<void> {
  const gpu = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  const device = await gpu!.requestDevice({ requiredFeatures: type === 'f16' ? ['shader-f16'] : [] });
  const seconds = await timeMatMul(device, type, size, repeats);
  device.destroy();
  line({ what: 'matmul', ...machine, type, size, seconds, teraflops: (2 * size ** 3) / seconds / 1e12 });
}

async function step(size: string): Promise<void> {
  const shape: RealShape = { grid: tokenGrid(parseSize(size)), textTokens };
  const double = await block('double_block', shape);
  const single = await block('single_block', shape);
  const seconds = num_layers * double.seconds + num_single_layers * single.seconds;
  const tokens = shape.grid.height * shape.grid.width + textTokens;
  const flops = (num_layers + num_single_layers) * blockFlops(tokens);
  line({
    what: 'step',
    ...machine,
    precision,
    size,
    textTokens,
    seconds,
    teraflops: flops / seconds / 1e12,
    double,
    single,
  });
}

/** Seconds of one run, without compiling and without reading the result; GPU bytes at its peak. */
async function block(
  name: RealBlock,
  shape: RealShape,
): Promise<{ seconds: number; peakBytes: number; weightBytes: number }> {
  const stage = await backend.openStage(name);
  backend.ledger.resetPeaks();
  const loaded = await loadRealBlock(stage, name, shape, precision);
  await read(stage, await loaded.run());
  const once = await timed(async () => read(stage, await loaded.run()));
  const more = await timed(async () => {
    for (let i = 0; i < repeats; i++) for (const output of Object.values(await loaded.run())) output.dispose();
    await read(stage, await loaded.run());
  });
  const { peakBytes } = backend.ledger.snapshot();
  const { weightBytes } = loaded;
  loaded.dispose();
  await stage.close();
  return { seconds: (more - once) / repeats, peakBytes, weightBytes };
}

async function read(stage: Stage, outputs: Record<string, DeviceTensor>): Promise<void> {
  for (const output of Object.values(outputs)) {
    const numbers = await stage.read(output);
    output.dispose();
    if (!numbers.every(Number.isFinite)) throw new Error('the block gave numbers that are not finite');
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** 12·H² weights per token in either kind of block, and scores and mixing over all pairs of tokens. */
function blockFlops(tokens: number): number {
  const width = hiddenSize(FLUX1_DEV.transformer);
  return 2 * tokens * 12 * width ** 2 + 4 * tokens ** 2 * width;
}

function line(record: object): void {
  process.stdout.write(`${JSON.stringify({ bench: 'gpu', ...record })}\n`);
}
