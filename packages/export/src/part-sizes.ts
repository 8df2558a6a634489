import type { ModelConfig, PartSize, WeightClass } from '@flux-srpo/core';
import { planParts, weightInputs } from './graphs/index.ts';
import { RECIPES, resolveClass } from './recipe.ts';

const BYTES = { uint8: 1, float32: 4 } as const;

/**
 * Weights of every part that runs, on the device, from the shape alone and to the byte.
 *
 * @param f16 graphs of halves: scales and float linears take two bytes a number
 */
export function shapePartSizes(config: ModelConfig, dtype: WeightClass, f16 = false): PartSize[] {
  return planParts(config).flatMap(({ name, graph, slots }) => {
    if (graph === undefined || slots.length === 0) return [];
    const bytes = slots.flatMap((slot) =>
      weightInputs(slot, resolveClass(RECIPES[dtype], slot).used).map((input) => {
        const isHalf = f16 && slot.kind === 'linear' && slot.tensorClass !== 'vae' && input.dtype === 'float32';
        return input.dims.reduce((product, dim) => product * dim, isHalf ? 2 : BYTES[input.dtype]);
      }),
    );
    return [{ name, bytes: bytes.reduce((sum, count) => sum + count, 0) }];
  });
}
