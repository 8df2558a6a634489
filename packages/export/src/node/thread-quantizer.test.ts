import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { FormatError, torchRandn } from '@flux-srpo/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { convertPipeline } from '../convert/convert.ts';
import type { ConvertOptions } from '../convert/convert-options.ts';
import { type QuantizeJob, quantizeRows } from '../quantize/row-quantizer.ts';
import { arrayOf } from '../tensors/numbers.ts';
import { type Files, type MemoryBundle, memoryBundle, memorySource } from '../test-support/memory.ts';
import { tinyPipeline, tinyTensors } from '../test-support/tiny-pipeline.ts';
import type { ThreadQuantizer } from './thread-pool.ts';
import { type ThreadQuantizerOptions, threadQuantizer } from './thread-quantizer.ts';

/** The oracle of all results is the same in one thread, byte for byte. */

/** So few weights that every matrix of the tiny pipeline is cut into jobs. */
const JOB_WEIGHTS = 512;
const FAILING = new URL('../test-support/failing-quantize-worker.ts', import.meta.url);

/** All threads that this process started; Node tells of each. */
let workers: Worker[];
let quantizer: ThreadQuantizer;
const collect = (worker: Worker) => void workers.push(worker);
beforeEach(() => {
  workers = [];
  process.on('worker', collect);
});
afterEach(async () => {
  process.off('worker', collect);
  await quantizer.close();
  expect(running()).toBe(0);
});

/** A thread that has ended has the id −1. */
const running = () => workers.filter(({ threadId }) => threadId !== -1).length;

function open(options: ThreadQuantizerOptions): ThreadQuantizer {
  quantizer = threadQuantizer({ jobWeights: JOB_WEIGHTS, ...options });
  return quantizer;
}

/** 48 rows of 64 random weights, some made large so that blocks differ. */
function job(weightClass: QuantizeJob['weightClass'], exponent?: number): QuantizeJob {
  const rows = torchRandn(3, 48 * 64).map((value, i) => value * (i % 7 === 0 ? 3 : 0.02));
  return { weightClass, rows, inFeatures: 64, ...(exponent !== undefined && { exponent }) };
}

describe('rows quantized in threads', () => {
  it.each([
    ['q8', undefined],
    ['q8', 0],
    ['q4', undefined],
    ['q4', 0],
    ['q4m', undefined],
    ['q4m', 3],
  ] as const)('in %s with the exponent %s are those of one thread', async (weightClass, exponent) => {
    const result = await open({ threads: 2 }).quantize(job(weightClass, exponent));
    expect(result).toEqual(quantizeRows(job(weightClass, exponent)));
    expect(running()).toBe(2);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])('give %s back as the value that is no finite number', async (bad) => {
    const damaged = job('q8');
    const rows = arrayOf(damaged.rows);
    rows[rows.length - 1] = bad;
    expect(await open({ threads: 2 }).quantize(damaged)).toEqual(quantizeRows(damaged));
  });

  it('start no thread where they are few', async () => {
    await open({ threads: 2, jobWeights: 48 * 64 }).quantize(job('q8'));
    expect(workers).toEqual([]);
  });
});

async function convert(files: Files, options: Partial<ConvertOptions>): Promise<MemoryBundle> {
  const bundle = memoryBundle();
  await convertPipeline(memorySource(files), bundle, { dtype: 'q4m', ...options });
  return bundle;
}

describe('a conversion in threads', () => {
  it.each([1, 2, 3])('writes the same bundle with %i of them', async (threads) => {
    const files = await tinyPipeline();
    const { files: expected } = await convert(files, {});
    const { files: made } = await convert(files, { quantizer: open({ threads }) });
    expect(made).toEqual(expected);
    expect(running()).toBe(threads === 1 ? 0 : threads);
  });

  it('refuses a damaged checkpoint as one thread does', async () => {
    const tensors = tinyTensors();
    tensors.transformer.get('transformer_blocks.1.attn.to_v.weight')!.values[4000] = Number.NaN;
    const files = await tinyPipeline(tensors);
    const refusal = await convert(files, {}).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(FormatError);
    await expect(convert(files, { quantizer: open({ threads: 2 }) })).rejects.toEqual(refusal);
  });

  it('fails with the error that a thread threw, its class and code included', async () => {
    const tensors = tinyTensors();
    tensors.transformer.get('transformer_blocks.1.attn.to_v.weight')!.values[0] = 1;
    const refused = convert(await tinyPipeline(tensors), { quantizer: open({ threads: 2, script: FAILING }) });
    await expect(refused).rejects.toBeInstanceOf(FormatError);
    await expect(refused).rejects.toMatchObject({ code: 'format/value-invalid', details: { got: 1 } });
  });

  it('fails where a thread ends by itself, and so does what is asked for later', async () => {
    const tensors = tinyTensors();
    tensors.transformer.get('transformer_blocks.1.attn.to_v.weight')!.values[0] = 2;
    const failed = convert(await tinyPipeline(tensors), { quantizer: open({ threads: 2, script: FAILING }) });
    await expect(failed).rejects.toMatchObject({ code: 'device/worker-failed', details: { got: 'exit code 7' } });
    await expect(quantizer.quantize(job('q8'))).rejects.toMatchObject({ code: 'device/worker-failed' });
  });

  it('fails where a thread’s module cannot be loaded', async () => {
    open({ threads: 2, script: new URL('./no-such-module.ts', import.meta.url) });
    await expect(quantizer.quantize(job('q8'))).rejects.toMatchObject({ code: 'device/worker-failed' });
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const cancelled = convert(await tinyPipeline(), {
      quantizer: open({ threads: 2 }),
      signal: controller.signal,
      onProgress: ({ parts }) => parts.done === 2 && controller.abort(),
    });
    await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('closing', () => {
  it('ends every thread and rejects what is under way', async () => {
    const underWay = open({ threads: 3 }).quantize(job('q4m'));
    // Node tells of a thread in the next turn.
    await setImmediate();
    const rejected = expect(underWay).rejects.toMatchObject({ code: 'device/worker-failed' });
    const exits = workers.map((worker) => once(worker, 'exit'));
    expect(exits).toHaveLength(3);
    await quantizer.close();
    await rejected;
    await Promise.all(exits);
    expect(running()).toBe(0);
    await expect(quantizer.quantize(job('q8'))).rejects.toMatchObject({ code: 'device/worker-failed' });
  });
});
