import {
  assertPlanned,
  type ImageSize,
  type Manifest,
  type MemoryPlan,
  PLAN_PHASES,
  type PlanInput,
  type Precision,
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
  /** @default 'auto' */
  precision?: 'auto' | Precision | undefined;
}

/** The runtime's own, by which it chooses what to keep; a guess, so nothing is refused for it. */
const DEFAULT_MEMORY_BUDGET = 4 * 1024 ** 3;

export function planPicture(
  manifest: Manifest,
  size: ImageSize,
  { adapter, memoryBudget, precision }: Means,
  n = 1,
): MemoryPlan {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter?.limits ?? {};
  const f16 =
    precision !== 'f32' && manifest.graphs_f16 !== undefined && adapter?.features.includes('shader-f16') === true;
  const limits =
    maxBufferSize === undefined || maxStorageBufferBindingSize === undefined
      ? {}
      : { limits: { maxBufferSize, maxStorageBufferBindingSize } };
  const plan = plannedPicture(manifest, size, memoryBudget ?? DEFAULT_MEMORY_BUDGET, { f16, ...limits }, n);
  return memoryBudget === undefined
    ? { ...plan, refusals: plan.refusals.filter(({ reason }) => reason !== 'budget') }
    : plan;
}

/** Least limits a device needs for the model's smallest preset, by WebGPU name. */
export function requiredLimits(manifest: Manifest): Record<string, number> {
  // Of an adapter that offers nothing the plan asks as little as it can.
  const nothing = { limits: { maxBufferSize: 0, maxStorageBufferBindingSize: 0 } };
  const needs = Object.values(manifest.sizes).map((size) => {
    const { phases } = plannedPicture(manifest, size, DEFAULT_MEMORY_BUDGET, nothing);
    return Math.max(...PLAN_PHASES.map((phase) => phases[phase].largestBuffer));
  });
  const smallest = Math.min(...needs);
  return { maxBufferSize: smallest, maxStorageBufferBindingSize: smallest };
}

/** Throws `device/limit-too-small` for pictures that these means cannot make. */
export function assertFits(manifest: Manifest, size: ImageSize, means: Means, n = 1): void {
  assertPlanned(planPicture(manifest, size, means, n), size);
}

function plannedPicture(
  manifest: Manifest,
  size: ImageSize,
  budget: number,
  offered: Pick<PlanInput, 'limits' | 'f16'>,
  n = 1,
): MemoryPlan {
  const { config, tokenizers } = manifest;
  const textTokens = tokenizers.tokenizer_2.max_length;
  return planGeneration({ config, parts: partSizes(manifest, offered.f16), size, textTokens, n, budget, ...offered });
}
