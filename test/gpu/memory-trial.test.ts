import { type Bundle, createPipeline, createWebGpuBackend, memoryVerdictStore } from '@flux-srpo/runtime';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { openInMemory } from '../support/bundle.ts';
import { tinyBundle } from '../support/engine.ts';
import { NOTHING } from '../support/linear-graph.ts';
import { adapter, missing } from './support/adapter.ts';

/*
 * What a device gives is asked by making buffers. The buffers here are small ones in place of
 * those that a large model needs, and the refusal is planted where the driver would give it.
 */

const GB = 1e9;
const REQUEST = { prompt: 'any', size: { width: 48, height: 32 } };

beforeEach(({ skip }) => skip(missing !== undefined, missing));
afterEach(() => vi.restoreAllMocks());

let files: Awaited<ReturnType<typeof tinyBundle>>;
beforeAll(async () => {
  files = await tinyBundle();
});

/** The small bundle, whose manifest says that its files are `factor` times as large. */
async function largeBundle(): Promise<Bundle> {
  const bundle = await openInMemory(files);
  const { manifest } = bundle;
  const bytes = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const grown = manifest.files.map((file) => ({ ...file, size: Math.ceil((file.size * 12 * GB) / bytes) }));
  return Object.assign(Object.create(bundle), { manifest: { ...manifest, files: grown } });
}

/** Makes small buffers in place of large ones, and refuses what would be beyond `most` bytes. */
function deviceOf(most: number): { asked: number } {
  const state = { asked: 0 };
  let isRefused = false;
  const { createBuffer, popErrorScope } = GPUDevice.prototype;
  vi.spyOn(GPUDevice.prototype, 'createBuffer').mockImplementation(function (this: GPUDevice, descriptor) {
    if (descriptor.label === 'memory trial') {
      state.asked += descriptor.size;
      isRefused = state.asked > most;
      return createBuffer.call(this, { ...descriptor, size: 16 });
    }
    return createBuffer.call(this, descriptor);
  });
  vi.spyOn(GPUDevice.prototype, 'popErrorScope').mockImplementation(async function (this: GPUDevice) {
    const error = await popErrorScope.call(this);
    return isRefused ? new GPUOutOfMemoryError('planted') : error;
  });
  return state;
}

async function planOn(store = memoryVerdictStore(), when: 'always' | 'by rule' = 'always') {
  const backend = await createWebGpuBackend({
    precision: 'f32',
    ...(when === 'always' && { memoryTrial: true }),
    selfTest: verdictIn(store),
  });
  const pipeline = await createPipeline({ bundle: await largeBundle(), backend });
  const plan = pipeline.plan(REQUEST);
  await pipeline.dispose();
  expect(backend.ledger.snapshot()).toMatchObject(NOTHING);
  return plan;
}

/** Answers for the self-test, which takes a minute. */
function verdictIn(store: ReturnType<typeof memoryVerdictStore>) {
  const verdict = { rung: 'no-subgroups', precision: 'f32', errors: {}, programs: [], steppedDown: [] };
  const get = async (key: string) => (key.startsWith('flux-srpo self-test') ? verdict : store.get(key));
  return { store: { get, set: store.set } };
}

describe('a model that is larger than what is planned for', () => {
  it('stays on a device that gives enough, and streams on one that refuses', async () => {
    const enough = deviceOf(Number.POSITIVE_INFINITY);
    expect(await planOn()).toMatchObject({ keep: true, readPerStep: 0 });
    expect(enough.asked).toBeGreaterThan(10 * GB);
    vi.restoreAllMocks();

    const little = deviceOf(3 * GB);
    const plan = await planOn();
    expect(plan.keep).toBe(false);
    expect(plan.readPerStep).toBeGreaterThan(0);
    // Nothing is asked for after the first refusal.
    expect(little.asked).toBeLessThan(enough.asked);
  });

  it('is tried once for an adapter and a bundle', async () => {
    const store = memoryVerdictStore();
    const first = deviceOf(Number.POSITIVE_INFINITY);
    expect(await planOn(store)).toMatchObject({ keep: true });
    expect(first.asked).toBeGreaterThan(0);
    vi.restoreAllMocks();
    const second = deviceOf(0);
    expect(await planOn(store)).toMatchObject({ keep: true });
    expect(second.asked).toBe(0);
  });

  it('is not tried on a software adapter', async ({ skip }) => {
    skip(!adapter!.isFallback, 'this adapter is a GPU');
    const state = deviceOf(Number.POSITIVE_INFINITY);
    expect(await planOn(memoryVerdictStore(), 'by rule')).toMatchObject({ keep: false });
    expect(state.asked).toBe(0);
  });

  it('streams from now on where a device gives less than it had promised', async () => {
    deviceOf(Number.POSITIVE_INFINITY);
    const store = memoryVerdictStore();
    const backend = await createWebGpuBackend({ precision: 'f32', memoryTrial: true, selfTest: verdictIn(store) });
    const pipeline = await createPipeline({ bundle: await largeBundle(), backend });
    expect(pipeline.plan(REQUEST)).toMatchObject({ keep: true });
    vi.restoreAllMocks();
    vi.spyOn(GPUDevice.prototype, 'popErrorScope').mockImplementation(async () => new GPUOutOfMemoryError('planted'));
    await expect(pipeline.generate(REQUEST)).rejects.toMatchObject({ code: 'device/out-of-memory' });
    expect(pipeline.plan(REQUEST)).toMatchObject({ keep: false });
    await pipeline.dispose();
    vi.restoreAllMocks();
    expect(await planOn(store)).toMatchObject({ keep: false });
  });
});
