import {
  DeviceError,
  type ImageSize,
  type Manifest,
  type MemoryPlan,
  PLAN_PHASES,
  partSizes,
  planGeneration,
} from '@flux-srpo/core';
import type { AdapterReport } from '@flux-srpo/runtime';

/** What a machine gives to a generation. */
export interface Means {
  /** Absent where the CPU computes. */
  adapter?: AdapterReport | undefined;
  /** Bytes of device memory, where the caller set a bound. */
  memoryBudget?: number | undefined;
}

/** The runtime's own, by which it chooses what to keep; a guess, so nothing is refused for it. */
const DEFAULT_MEMORY_BUDGET = 4 * 1024 ** 3;

export function planPicture(manifest: Manifest, size: ImageSize, { adapter, memoryBudget }: Means, n = 1): MemoryPlan {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter?.limits ?? {};
  const plan = planGeneration({
    config: manifest.config,
    parts: partSizes(manifest),
    size,
    textTokens: manifest.tokenizers.tokenizer_2.max_length,
    n,
    budget: memoryBudget ?? DEFAULT_MEMORY_BUDGET,
    ...(maxBufferSize === undefined || maxStorageBufferBindingSize === undefined
      ? {}
      : { limits: { maxBufferSize, maxStorageBufferBindingSize } }),
  });
  return memoryBudget === undefined
    ? { ...plan, refusals: plan.refusals.filter(({ reason }) => reason !== 'budget') }
    : plan;
}

/** Least limits a device needs for the model's smallest preset, by WebGPU name. */
export function requiredLimits(manifest: Manifest): Record<string, number> {
  const needs = Object.values(manifest.sizes).map((size) => {
    const { phases } = planPicture(manifest, size, {});
    return Math.max(...PLAN_PHASES.map((phase) => phases[phase].largestBuffer));
  });
  const smallest = Math.min(...needs);
  return { maxBufferSize: smallest, maxStorageBufferBindingSize: smallest };
}

/** Throws `device/limit-too-small` for pictures that these means cannot make. */
export function assertFits(manifest: Manifest, size: ImageSize, means: Means, n = 1): void {
  const [refusal] = planPicture(manifest, size, means, n).refusals;
  if (refusal === undefined) return;
  const { reason, needed, offered, message } = refusal;
  throw new DeviceError(message, {
    code: 'device/limit-too-small',
    details: { limit: reason, needed, offered, size },
  });
}
