import { hasOffsets, type ModelConfig, type PartSize, type WeightClass } from '@flux-srpo/core';
import { buildGraph, type ClassOf, HALF_GRAPHS, planParts } from '../graphs/index.ts';
import { CLASS_MAPS, resolveClass } from './class-map.ts';

const BYTES = { uint8: 1, float16: 2, float32: 4 } as const;

/**
 * Exact bytes of each part's weights on the device, from the model's shape alone.
 * @param classes of every tensor, or what `--dtype` asks for
 * @param f16 counts graphs in half precision where they exist: their scales and float linears take
 *   two bytes a number
 */
export function shapePartSizes(config: ModelConfig, classes: WeightClass | ClassOf, f16 = false): PartSize[] {
  const classOf: ClassOf =
    typeof classes === 'function' ? classes : (slot) => resolveClass(CLASS_MAPS[classes], slot).used;
  const sizes = new Map<string, number>();
  const sizeOf = (graph: string): number => {
    const { weights } = buildGraph(graph, config, classOf, f16 && HALF_GRAPHS.includes(graph) ? 'f16' : 'f32');
    return weights.reduce(
      (sum, { dims, dtype }) => sum + dims.reduce((product, dim) => product * dim, BYTES[dtype]),
      0,
    );
  };
  return planParts(config).flatMap(({ slots, ...part }) => {
    const { graph } = part;
    if (graph === undefined || slots.length === 0) return [];
    const bytes = sizes.get(graph) ?? sizeOf(graph);
    sizes.set(graph, bytes);
    const offsets = slots.map((slot) => classOf(slot)).find(hasOffsets);
    return [{ ...part, bytes, ...(offsets !== undefined && { offsets }) }];
  });
}
