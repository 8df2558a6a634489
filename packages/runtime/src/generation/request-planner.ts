import { type MemoryPlan, partSizes, planGeneration } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import type { Backend } from '../ort/backend.ts';
import type { PipelineOptions } from '../pipeline-options.ts';
import type { ResolvedRequest } from '../request.ts';

/** What a pipeline's options say of memory. */
export type MemoryOptions = Pick<PipelineOptions, 'memoryBudget' | 'memoryTarget' | 'keepsWeights'>;

/** A function that plans requests for this bundle on this backend. */
export function requestPlanner(
  { info }: Backend,
  { manifest }: Bundle,
  { memoryBudget: budget, memoryTarget: target, keepsWeights }: MemoryOptions,
): (request: ResolvedRequest) => MemoryPlan {
  const f16 = info.precision === 'f16' && manifest.graphs_f16 !== undefined;
  const parts = partSizes(manifest, f16);
  const limits = info.adapter?.limits;
  const { packing } = info;
  return ({ size, n, steps, maxSequenceLength: textTokens }) =>
    planGeneration({
      config: manifest.config,
      parts,
      f16,
      size,
      textTokens,
      n,
      steps,
      budget,
      target,
      keepsWeights,
      limits,
      packing,
    });
}
