import { create } from '@bufbuild/protobuf';
import { decodeModel, encodeModel, TensorProtoSchema } from '@flux-srpo/formats/onnx';
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
  const decoded = decodeModel(model);
  const { graph } = decoded;
  if (!graph) throw new Error('the model has no graph');
  const baked = new Set(weights.map((weight) => weight.name));
  graph.input = graph.input.filter((input) => !baked.has(input.name));
  for (const { name, dtype, dims } of weights) {
    const rawData = data.get(name);
    if (!rawData) throw new Error(`no data for ${name}`);
    const dataType = elementType(dtype);
    graph.initializer.push(create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData }));
  }
  return encodeModel(decoded);
}
