import { hiddenSize, modelTimestep, sinusoidalEmbedding, type TransformerConfig } from '@flux-srpo/core';
import { type Phase, TensorScope } from '../phase.ts';
import { hostTensor } from '../tensor.ts';

/**
 * Every adaLN vector of a whole generation.
 *
 * They depend on (timestep, guidance, pooled prompt) alone and all timesteps are known before the first, so each
 * modulation linear runs once, on `steps` rows, and its weights (27 % of FLUX.1) are gone before the first step.
 */
export interface ModulationTables {
  readonly steps: number;
  /** Rows of [k·H] for step `step`, (shift, 1 + scale, gate) …, by part name without the `modulation.` prefix. */
  row(name: string, step: number): Float32Array;
}

/** Positions of `scale` in a modulation row of k vectors: (shift, scale, gate) per residual branch. */
const SCALE_CHUNKS: Readonly<Record<number, readonly number[]>> = { 6: [1, 4], 3: [1], 2: [1] };

/**
 * @param sigmas [steps] noise levels in (0, 1]
 * @param guidance as in the request, not multiplied
 * @param pooled [C]
 */
export async function modulationTables(
  phase: Phase,
  config: TransformerConfig,
  sigmas: Float32Array,
  guidance: number,
  pooled: Float32Array,
  onPart: () => void,
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
    const { silu_vec } = await phase.run('conditioning', guided, ['silu_vec'], { use: 'once' });
    scope.replace('silu_vec', silu_vec);
    onPart();
    const parts = modulationParts(config);
    for (const [i, { name, chunks }] of parts.entries()) {
      const follower = parts[i + 1];
      const next = follower && `modulation.${follower.name}`;
      const { modulation } = await phase.run(`modulation.${name}`, { silu_vec }, ['modulation'], { use: 'once', next });
      const table = await phase.read(scope.replace('modulation', modulation));
      addOneToScales(table, chunks, width);
      tables.set(name, table);
      onPart();
    }
  } finally {
    scope.release();
  }
  return {
    steps,
    row(name, step) {
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

function modulationParts(config: TransformerConfig): { name: string; chunks: number }[] {
  const double = Array.from({ length: config.num_layers }, (_, i) => [
    { name: `double_block.${i}.img`, chunks: 6 },
    { name: `double_block.${i}.txt`, chunks: 6 },
  ]);
  const single = Array.from({ length: config.num_single_layers }, (_, i) => ({ name: `single_block.${i}`, chunks: 3 }));
  return [...double.flat(), ...single, { name: 'final', chunks: 2 }];
}

/** scale → 1 + scale in place, so that adaLN is LayerNormalization's own affine. table: [steps, chunks·H] */
function addOneToScales(table: Float32Array, chunks: number, width: number): void {
  const rowLength = chunks * width;
  for (let start = 0; start < table.length; start += rowLength) {
    for (const chunk of SCALE_CHUNKS[chunks] ?? []) {
      for (let i = start + chunk * width; i < start + (chunk + 1) * width; i++) table[i] += 1;
    }
  }
}
