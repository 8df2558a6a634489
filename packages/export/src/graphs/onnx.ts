import type { MessageInitShape } from '@bufbuild/protobuf';
import { f32ToF16 } from '@flux-srpo/formats';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  createModel,
  TensorProto_DataType as DataType,
  encodeModel,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '@flux-srpo/formats/onnx';

/** The little of ONNX that the graph builders need, as plain data; {@link encodeGraph} turns it into a model file. */

export type AttributeInit = Readonly<Record<string, number | string | readonly number[]>>;

export interface GraphNode {
  op: string;
  domain: string;
  /** An empty string is an optional input left out. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: AttributeInit;
}

export interface ValueInfo {
  name: string;
  dtype: 'float32' | 'float16' | 'uint8' | 'int64';
  /** A string is the name of a size known only at run time. */
  dims: readonly (number | string)[];
}

export interface TensorInit {
  name: string;
  dtype: 'float32' | 'float16' | 'int64';
  dims: readonly number[];
  values: readonly number[];
}

export interface GraphInit {
  name: string;
  nodes: readonly GraphNode[];
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
  initializers: readonly TensorInit[];
  valueInfo: readonly ValueInfo[];
}

/** Attributes that are floats even when their value is a whole number. */
const FLOAT_ATTRIBUTES = new Set(['epsilon', 'scale', 'alpha']);

export function encodeGraph(graph: GraphInit): Uint8Array {
  const model = createModel({
    producerName: 'flux-srpo',
    graph: {
      name: graph.name,
      node: graph.nodes.map((node) => ({
        opType: node.op,
        domain: node.domain,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      })),
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
      initializer: graph.initializers.map(initializer),
      valueInfo: graph.valueInfo.map(valueInfo),
    },
  });
  return encodeModel(model);
}

function attribute(
  name: string,
  value: number | string | readonly number[],
): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
  if (FLOAT_ATTRIBUTES.has(name)) return { name, type: AttributeType.FLOAT, f: value };
  return { name, type: AttributeType.INT, i: BigInt(value) };
}

function valueInfo({ name, dtype, dims }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  return {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: elementType(dtype),
          shape: {
            dim: dims.map((dim) => ({
              value:
                typeof dim === 'number'
                  ? { case: 'dimValue' as const, value: BigInt(dim) }
                  : { case: 'dimParam' as const, value: dim },
            })),
          },
        },
      },
    },
  };
}

function initializer({ name, dtype, dims, values }: TensorInit): MessageInitShape<typeof TensorProtoSchema> {
  const data = {
    float32: () => Float32Array.from(values),
    float16: () => f32ToF16(Float32Array.from(values)),
    int64: () => BigInt64Array.from(values, BigInt),
  }[dtype]();
  return {
    name,
    dataType: elementType(dtype),
    dims: dims.map(BigInt),
    rawData: new Uint8Array(data.buffer),
  };
}

export function elementType(dtype: ValueInfo['dtype']): number {
  return { float32: DataType.FLOAT, float16: DataType.FLOAT16, uint8: DataType.UINT8, int64: DataType.INT64 }[dtype];
}
