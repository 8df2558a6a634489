import { onnx } from '@flux-srpo/formats';
import { elementType } from './onnx.ts';
import type { WeightInput } from './weights.ts';

/**
 * The same graph with its weights inside, as initializers instead of inputs: the native CPU provider prepacks those.
 *
 * @param model a graph from `buildGraph`
 * @param data the bytes of each weight input in the graph's dtype and dims, little-endian row-major, by name
 */
export function bakeWeights(
  model: Uint8Array,
  weights: readonly WeightInput[],
  data: ReadonlyMap<string, Uint8Array>,
): Uint8Array {
  const decoded = onnx.decodeModel(model);
  const graph = decoded.graph;
  if (!graph) throw new Error('the model has no graph');
  const baked = new Set(weights.map((weight) => weight.name));
  return onnx.encodeModel({
    ...decoded,
    graph: {
      ...graph,
      input: graph.input.filter((input) => !baked.has(input.name)),
      initializer: [
        ...graph.initializer,
        ...weights.map((weight) => {
          const bytes = data.get(weight.name);
          if (!bytes) throw new Error(`no data for ${weight.name}`);
          return {
            name: weight.name,
            dataType: elementType(weight.dtype),
            dims: weight.dims.map(BigInt),
            rawData: bytes,
          };
        }),
      ],
    },
  });
}
