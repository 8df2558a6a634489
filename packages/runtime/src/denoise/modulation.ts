import {
  hiddenSize,
  type ModulationPart,
  modelTimestep,
  modulationParts,
  PARTS,
  sinusoidalEmbedding,
  type TransformerConfig,
} from '@flux-srpo/core';
import { hostTensor } from '../host-tensor.ts';
import type { Phase } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';

/**
 * Every adaLN vector of a whole generation.
 *
 * They depend on (timestep, guidance, pooled prompt) alone and all timesteps are known before the
 * first, so each modulation linear runs once, on `steps` rows, and its weights (27 % of FLUX.1) are
 * gone before the first step.
 */
export interface ModulationTables {
  readonly steps: number;
  /** What `part` gives for step `step`: [k·H], (shift, 1 + scale, gate) … */
  row(part: ModulationPart, step: number): Float32Array;
}

/** Where `scale` is in a row of k vectors: (shift, scale, gate) per residual branch. */
const SCALE_VECTORS: Readonly<Record<ModulationPart['vectors'], readonly number[]>> = { 6: [1, 4], 3: [1], 2: [1] };

export interface ModulationInputs {
  config: TransformerConfig;
  /** [steps] noise levels in (0, 1]. */
  sigmas: Float32Array;
  /** As in the request, not multiplied. */
  guidance: number;
  /** CLIP's, [D_clip]. */
  pooled: Float32Array;
  /** Called after each part that has run. */
  onPart: () => void;
}

export async function modulationTables(
  phase: Phase,
  { config, sigmas, guidance, pooled, onPart }: ModulationInputs,
): Promise<ModulationTables> {
  const steps = sigmas.length;
  const width = hiddenSize(config);
  const tables = new Map<string, Float32Array>();
  const scope = new TensorScope();
  try {
    const timestepProjection = sinusoidalEmbedding(Array.from(sigmas, modelTimestep));
    const feeds = {
      timestep_proj: hostTensor([steps, timestepProjection.length / steps], timestepProjection),
      pooled: hostTensor([1, pooled.length], pooled),
    };
    const guidanceProjection = sinusoidalEmbedding(new Array<number>(steps).fill(guidance));
    const guided = config.guidance_embeds
      ? { ...feeds, guidance_proj: hostTensor([steps, guidanceProjection.length / steps], guidanceProjection) }
      : feeds;
    const { silu_vec } = await phase.run(PARTS.conditioning, guided, ['silu_vec']);
    scope.replace('silu_vec', silu_vec);
    onPart();
    const parts = modulationParts(config);
    for (const [i, part] of parts.entries()) {
      const { modulation } = await phase.run(part, { silu_vec }, ['modulation'], parts[i + 1]);
      const table = await phase.read(scope.replace('modulation', modulation));
      addOneToScales(table, part.vectors, width);
      tables.set(part.name, table);
      onPart();
    }
  } finally {
    scope.release();
  }
  return {
    steps,
    row({ name }, step) {
      const table = tables.get(name);
      if (!table) throw new Error(`no modulation table for ${name}`);
      const rowLength = table.length / steps;
      return table.subarray(step * rowLength, (step + 1) * rowLength);
    },
  };
}

/** How many parts {@link modulationTables} runs. */
export function modulationPartCount(config: TransformerConfig): number {
  return 1 + modulationParts(config).length;
}

/** scale → 1 + scale, in place: then adaLN is LayerNormalization's affine. [steps, vectors·H] */
function addOneToScales(table: Float32Array, vectors: ModulationPart['vectors'], width: number): void {
  const rowLength = vectors * width;
  for (let start = 0; start < table.length; start += rowLength) {
    for (const vector of SCALE_VECTORS[vectors]) {
      for (let i = start + vector * width; i < start + (vector + 1) * width; i++) table[i] += 1;
    }
  }
}
