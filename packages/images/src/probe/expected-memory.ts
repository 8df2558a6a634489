import { type Manifest, type Means, mayTryMemory, memoryTrial } from '@flux-srpo/core';
import { type AdapterReport, rememberedMemory } from '@flux-srpo/runtime/device';
import type { MemoryBasis } from './probe-report.ts';

/** The memory that `load` will plan for, as far as is known before it. */
export async function expectedMemory(
  manifest: Manifest,
  identity: string,
  means: Means & { adapter?: AdapterReport },
): Promise<{ basis: MemoryBasis; memoryTarget?: number }> {
  const { adapter, memoryBudget, precision } = means;
  if (memoryBudget !== undefined) return { basis: 'budget' };
  const trial = adapter && mayTryMemory(adapter, globalThis.navigator) ? memoryTrial(manifest, means) : undefined;
  if (adapter === undefined || trial === undefined) return { basis: 'default' };
  const isHalf = precision !== 'f32' && adapter.features.includes('shader-f16');
  const memoryTarget = await rememberedMemory(adapter, identity, isHalf ? 'f16' : 'f32');
  return memoryTarget === undefined
    ? { basis: 'untried', memoryTarget: trial.wanted }
    : { basis: 'remembered', memoryTarget };
}
