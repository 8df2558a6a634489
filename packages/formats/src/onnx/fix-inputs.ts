import { create } from '@bufbuild/protobuf';
import { elementType, type ValueInfo } from './encode-graph.ts';
import { decodeModel, encodeModel } from './model.ts';
import { TensorProtoSchema } from './onnx_pb.ts';

/** An input of a graph with its value. */
export interface FixedInput extends Pick<ValueInfo, 'name' | 'dtype'> {
  readonly dims: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** The same model with these inputs as initializers, which are no longer fed. */
export function fixInputs(model: Uint8Array, inputs: readonly FixedInput[]): Uint8Array<ArrayBuffer> {
  const decoded = decodeModel(model);
  const { graph } = decoded;
  const fixed = new Set(inputs.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !fixed.has(name));
  for (const { name, dtype, dims, bytes: rawData } of inputs) {
    const dataType = elementType(dtype);
    graph.initializer.push(create(TensorProtoSchema, { name, dataType, dims: dims.map(BigInt), rawData }));
  }
  return encodeModel(decoded);
}
