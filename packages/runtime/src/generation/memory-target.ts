import { DEFAULT_MEMORY_BUDGET, memoryKey, memoryTrial, triedTarget } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import type { Backend } from '../ort/backend.ts';

/** Bytes to plan for without a budget, and what to do when that was too much. */
export interface MemoryTarget {
  /** Absent: the default. */
  readonly bytes?: number;
  /** Remembers that the device gave less than it had promised. */
  refuse(): Promise<void>;
}

const DEFAULT: MemoryTarget = { refuse: async () => undefined };

/** By trying where that is worth it, or as it was remembered of an earlier try. */
export async function findMemoryTarget(
  { info, memoryTrials }: Backend,
  { manifest, identity }: Pick<Bundle, 'manifest' | 'identity'>,
): Promise<MemoryTarget> {
  const { adapter, precision } = info;
  if (memoryTrials === undefined || adapter === undefined) return DEFAULT;
  const trial = memoryTrial(manifest, { adapter, precision });
  if (trial === undefined) return DEFAULT;
  const { store } = memoryTrials;
  const key = memoryKey(adapter, identity, precision);
  const refuse = () => store.set(key, DEFAULT_MEMORY_BUDGET);
  const known = await store.get(key);
  if (typeof known === 'number' && known > 0) return { bytes: known, refuse };
  const bytes = triedTarget(trial, await memoryTrials.run(trial.pieces));
  await store.set(key, bytes);
  return { bytes, refuse };
}
