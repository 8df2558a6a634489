// The count of memory.ts in Node on Dawn, where an adapter may have `shader-f16`: GPU bytes of a
// generation of FLUX.1's shape, in half precision or not, beside the plan. Nothing is computed.
//
//   npx tsx bench/memory-dawn.ts [--precision f16] [--budget 8e9] [--size 1024x1024]
//                                [--dtype q4] [--steps 2] [--tokens 512] [--unbacked]
//
// One JSON line per phase. Use two steps at least: only in the second step do the double blocks
// meet the buffers that the single blocks left in the runtime's pool. `--unbacked` counts buffers
// without allocating them, for sizes that this machine or its adapter cannot hold.

import { parseArgs } from 'node:util';
import { FLUX1_DEV, PLAN_PHASES, type Precision, parseSize } from '@flux-srpo/core';
import { createPipeline, createWebGpuBackend } from '@flux-srpo/runtime';
import { installDawn } from '@flux-srpo/runtime/node';
import {
  allocateNothing,
  type CountedPhases,
  computeNothing,
  countingBackend,
  countPhases,
  watchBuffers,
} from '../test/support/counted-memory.ts';
import { type ZeroClass, zeroBundle } from '../test/support/zero-bundle.ts';

const { values } = parseArgs({
  options: {
    precision: { type: 'string', default: 'f16' },
    budget: { type: 'string', default: '8e9' },
    size: { type: 'string', default: '1024x1024' },
    dtype: { type: 'string', default: 'q4' },
    steps: { type: 'string', default: '2' },
    tokens: { type: 'string', default: '512' },
    unbacked: { type: 'boolean', default: false },
  },
});
await installDawn();
watchBuffers();
computeNothing();
if (values.unbacked) allocateNothing();
const precision = values.precision as Precision;
const backend = await createWebGpuBackend({ precision, selfTest: false });
const pipeline = await createPipeline({
  bundle: await zeroBundle(FLUX1_DEV, values.dtype as ZeroClass),
  backend: countingBackend(backend),
  memoryBudget: Number(values.budget),
});
const request = {
  prompt: 'a red house',
  size: parseSize(values.size),
  steps: Number(values.steps),
  seed: 1,
  maxSequenceLength: Number(values.tokens),
};
const plan = pipeline.plan(request);
const counted: Partial<CountedPhases> = {};
const failure = await countPhases(pipeline, request, counted).then(
  () => undefined,
  (error: unknown) => String(error),
);
for (const phase of PLAN_PHASES) {
  const found = counted[phase];
  if (found === undefined) continue;
  const { bytes, mode, weights, work } = plan.phases[phase];
  const record = {
    adapter: backend.info.adapter?.description,
    precision,
    size: values.size,
    budget: Number(values.budget),
    phase,
    mode,
    planned: bytes,
    counted: found.peakBytes,
    ratio: Number((bytes / found.peakBytes).toFixed(3)),
    weights: { planned: weights, counted: found.peakWeightBytes },
    work: { planned: work, counted: found.peakBytes - found.peakWeightBytes },
    workBuffers: found.workBuffers,
  };
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
if (failure !== undefined) process.stderr.write(`${failure}\n`);
// Dawn keeps the process alive.
process.exit(failure === undefined ? 0 : 1);
