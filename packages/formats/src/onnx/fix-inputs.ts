import { create } from '@bufbuild/protobuf';
import { elementType, type ValueInfo } from './encode-graph.ts';
import { decodeModel, encodeModel } from './model.ts';
import {
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './onnx_pb.ts';

/** An input of a graph with its value. */
export interface FixedInput extends Pick<ValueInfo, 'name' | 'dtype'> {
  readonly dims: readonly number[];
  /**
   * Little-endian, row-major. Absent: the runtime is given them apart, as external data whose
   * location is the input's name.
   */
  readonly bytes?: Uint8Array;
}

/** The same model with these inputs as initializers, which are no longer fed. */
export function fixInputs(model: Uint8Array, inputs: readonly FixedInput[]): Uint8Array<ArrayBuffer> {
  const decoded = decodeModel(model);
  const { graph } = decoded;
  const fixed = new Set(inputs.map(({ name }) => name));
  graph.input = graph.input.filter(({ name }) => !fixed.has(name));
  graph.initializer.push(...inputs.map(initializer));
  return encodeModel(decoded);
}

function initializer({ name, dtype, dims, bytes }: FixedInput): TensorProto {
  const shape = { name, dataType: elementType(dtype), dims: dims.map(BigInt) };
  if (bytes !== undefined) return create(TensorProtoSchema, { ...shape, rawData: bytes });
  const location = create(StringStringEntryProtoSchema, { key: 'location', value: name });
  const external = { dataLocation: TensorProto_DataLocation.EXTERNAL, externalData: [location] };
  return create(TensorProtoSchema, { ...shape, ...external });
}
