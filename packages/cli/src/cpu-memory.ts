import { formatBytes } from '@flux-srpo/core';

/** Of the memory that is free, how much weights and work buffers may take. The rest is for Node. */
const SHARE = 0.7;

/**
 * What the CPU may take, for `createPipeline`, and what is to be said of it.
 *
 * @param memoryBudget bytes, where a bound was given
 * @param free bytes of memory that this process could still take
 * @param why nobody asked for the CPU
 */
export function cpuMemory(
  memoryBudget: number | undefined,
  free: number,
  why?: string,
): { memoryBudget?: number; memoryTarget?: number; notes: string[] } {
  const notes = why === undefined ? [] : [`computes on the CPU: ${why}`];
  if (memoryBudget !== undefined) return { memoryBudget, notes };
  const memoryTarget = Math.floor(SHARE * free);
  notes.push(
    `plans for ${formatBytes(memoryTarget)} of memory, ${100 * SHARE} % of what is free; --budget sets another bound`,
  );
  return { memoryTarget, notes };
}
