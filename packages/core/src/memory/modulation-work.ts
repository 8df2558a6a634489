import { hiddenSize, type TransformerConfig } from '../model/config.ts';
import { modulationParts } from '../model/parts.ts';
import type { BufferCounts } from './buffer-buckets.ts';
import { FLOAT_BYTES } from './work-options.ts';

/**
 * Work buffers of the modulation, whose tables have one row per step and are read back part by
 * part.
 */
export function modulationMoments(config: TransformerConfig, steps: number): BufferCounts[] {
  const table = (vectors: number) => steps * vectors * hiddenSize(config) * FLOAT_BYTES;
  const results = new Set(modulationParts(config).map(({ vectors }) => table(vectors)));
  return [
    // The embeddings of timestep and guidance, before and after SiLU.
    [[4, table(1)]],
    // The conditioning; a part's result, and its copy on the way to the CPU.
    ...[...results].map(
      (result): BufferCounts => [
        [1, table(1)],
        [2, result],
      ],
    ),
  ];
}
