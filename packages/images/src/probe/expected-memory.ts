import { type Manifest, type Means, mayTryMemory, mayUseHalves, memoryTrial } from '@flux-srpo/core';
import { type AdapterReport, rememberedMemory, type VerdictStore } from '@flux-srpo/runtime/device';
import type { MemoryBasis } from './probe-report.ts';

/** The memory that `load` will plan for, as far as is known before it. */
export async function expectedMemory(
  manifest: Manifest,
  identity: string,
  means: Means & { adapter?: AdapterReport },
  verdicts?: VerdictStore,
): Promise<{ basis: MemoryBasis; memoryTarget?: number }> {
  const { adapter, memoryBudget } = means;
  if (memoryBudget !== undefined) return { basis: 'budget' };
  const trial = adapter && mayTryMemory(adapter, globalThis.navigator) ? memoryTrial(manifest, means) : undefined;
  if (adapter === undefined || trial === undefined) return { basis: 'default' };
  const memoryTarget = await rememberedMemory(adapter, identity, mayUseHalves(means) ? 'f16' : 'f32', verdicts);
  return memoryTarget === undefined
    ? { basis: 'untried', memoryTarget: trial.wanted }
    : { basis: 'remembered', memoryTarget };
}
