import { DEFAULT_MEMORY_BUDGET, memoryKey } from '@flux-srpo/core';
import { memoryVerdictStore } from '@flux-srpo/runtime';
import type { AdapterReport } from '@flux-srpo/runtime/device';
import { describe, expect, it } from 'vitest';
import { twoPartManifest } from '../../../../test/support/two-part-manifest.ts';
import { expectedMemory } from './expected-memory.ts';

const GB = 1e9;

/** FLUX.1 [dev] in two parts, with more weights than are planned for without a trial. */
const large = twoPartManifest(5 * GB, GB / 5);
const small = twoPartManifest(GB / 5, GB / 5);

const adapter: AdapterReport = {
  vendor: 'a vendor',
  architecture: 'an architecture',
  device: '',
  description: 'a GPU',
  isFallback: false,
  features: ['shader-f16'],
  limits: { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 31 },
};

describe('the memory that load will plan for', () => {
  it('is the budget, where there is one', async () => {
    expect(await expectedMemory(large, 'id', { adapter, memoryBudget: GB })).toEqual({ basis: 'budget' });
  });

  it('is the default where nobody tries: no adapter, a software one, a small model', async () => {
    const nobody = { basis: 'default' };
    expect(await expectedMemory(large, 'id', {})).toEqual(nobody);
    expect(await expectedMemory(large, 'id', { adapter: { ...adapter, isFallback: true } })).toEqual(nobody);
    expect(await expectedMemory(large, 'id', { adapter: { ...adapter, architecture: 'software' } })).toEqual(nobody);
    expect(await expectedMemory(small, 'id', { adapter })).toEqual(nobody);
  });

  it('is all that is wanted where nobody has tried, more than the default', async () => {
    const expected = await expectedMemory(large, 'id', { adapter }, memoryVerdictStore());
    expect(expected.basis).toBe('untried');
    expect(expected.memoryTarget).toBeGreaterThan(DEFAULT_MEMORY_BUDGET);
  });

  it('is what an earlier session found with this adapter, bundle and precision', async () => {
    const store = memoryVerdictStore();
    await store.set(memoryKey(adapter, 'id', 'f16'), 6 * GB);
    await store.set(memoryKey(adapter, 'id', 'f32'), 7 * GB);
    const of = (id: string, more: object = {}) => expectedMemory(large, id, { adapter, ...more }, store);
    expect(await of('id')).toEqual({ basis: 'remembered', memoryTarget: 6 * GB });
    expect(await of('id', { precision: 'f32' })).toEqual({ basis: 'remembered', memoryTarget: 7 * GB });
    expect(await of('id', { adapter: { ...adapter, features: [] } })).toMatchObject({ memoryTarget: 7 * GB });
    expect(await of('another')).toMatchObject({ basis: 'untried' });
    expect(await of('id', { adapter: { ...adapter, description: 'another' } })).toMatchObject({ basis: 'untried' });
  });

  it('is untried where the store holds what another version wrote', async () => {
    const store = memoryVerdictStore();
    await store.set(memoryKey(adapter, 'id', 'f16'), 'much');
    expect(await expectedMemory(large, 'id', { adapter }, store)).toMatchObject({ basis: 'untried' });
  });
});
