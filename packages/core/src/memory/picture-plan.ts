import type { Manifest, Precision } from '../manifest/manifest.ts';
import { PLAN_PHASES } from '../model/parts.ts';
import type { ImageSize } from '../picture/geometry.ts';
import { partSizes } from './part-sizes.ts';
import { planGeneration } from './plan.ts';
import type { MemoryPlan, PlanInput } from './plan-types.ts';

/** What a machine gives to a generation. */
export interface Means {
  /** Absent where the CPU computes. */
  adapter?: { features: readonly string[]; limits: NonNullable<PlanInput['limits']> } | undefined;
  /** Bytes of device memory, where the caller set a bound. */
  memoryBudget?: number | undefined;
  /** Bytes to aim at without a bound. @default `DEFAULT_MEMORY_BUDGET` */
  memoryTarget?: number | undefined;
  /** @default 'auto' */
  precision?: 'auto' | Precision | undefined;
}

/** Whether this machine computes in halves, as far as its adapter says. */
export function mayUseHalves({ adapter, precision }: Means): boolean {
  return precision !== 'f32' && adapter?.features.includes('shader-f16') === true;
}

export function planPicture(manifest: Manifest, size: ImageSize, means: Means): MemoryPlan {
  const { adapter, memoryBudget: budget, memoryTarget: target } = means;
  const f16 = manifest.graphs_f16 !== undefined && mayUseHalves(means);
  return plannedPicture(manifest, size, { f16, limits: adapter?.limits, budget, target });
}

/** Least limits a device needs for the model's smallest preset, by WebGPU name. */
export function requiredLimits(manifest: Manifest): Record<string, number> {
  // Of an adapter that offers nothing the plan asks as little as it can.
  const nothing = { limits: { maxBufferSize: 0, maxStorageBufferBindingSize: 0 } };
  const needs = Object.values(manifest.sizes).map((size) => {
    const { phases } = plannedPicture(manifest, size, nothing);
    return Math.max(...PLAN_PHASES.map((phase) => phases[phase].largestBuffer));
  });
  const smallest = Math.min(...needs);
  return { maxBufferSize: smallest, maxStorageBufferBindingSize: smallest };
}

function plannedPicture(
  manifest: Manifest,
  size: ImageSize,
  offered: Pick<PlanInput, 'limits' | 'f16' | 'budget' | 'target'>,
): MemoryPlan {
  const { config, tokenizers } = manifest;
  const textTokens = tokenizers.tokenizer_2.max_length;
  return planGeneration({ config, parts: partSizes(manifest, offered.f16), size, textTokens, ...offered });
}
