import type { MessageInitShape } from '@bufbuild/protobuf';
import { f32ToF16 } from '../numbers/half.ts';
import { createModel, encodeModel } from './model.ts';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type NodeProtoSchema,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx_pb.ts';

/** A graph as plain data; {@link encodeGraph} makes a model file of it. */
export interface GraphInit {
  readonly name: string;
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers?: readonly TensorInit[];
  /** Shapes of values inside the graph that no checker can infer. */
  readonly valueInfo?: readonly ValueInfo[];
}

export interface GraphNode {
  readonly op: string;
  /** `CONTRIB_DOMAIN` for ONNX Runtime's own operators. Absent: ONNX's. */
  readonly domain?: string;
  /** Names of values. An empty string is an optional input that is left out. */
  inputs: readonly string[];
  outputs: readonly string[];
  readonly attributes?: Attributes;
}

export type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

export type ElementType = keyof typeof ELEMENT_TYPES;

export interface ValueInfo {
  readonly name: string;
  readonly dtype: ElementType;
  /** A string names a size that is known only when the graph runs. */
  readonly dims: readonly (number | string)[];
}

/** A small constant, written number by number. */
export interface TensorInit {
  readonly name: string;
  readonly dtype: 'float32' | 'float16' | 'int64';
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

const ELEMENT_TYPES = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  uint8: TensorProto_DataType.UINT8,
  int64: TensorProto_DataType.INT64,
} as const;

/** ONNX's number of an element type. */
export function elementType(dtype: ElementType): number {
  return ELEMENT_TYPES[dtype];
}

/** Attributes that are floats even when their value is a whole number. */
const FLOAT_ATTRIBUTES = new Set(['epsilon', 'scale', 'alpha']);

/** The bytes of an `.onnx` file with this graph. Equal graphs give equal bytes. */
export function encodeGraph(graph: GraphInit, producerName = ''): Uint8Array<ArrayBuffer> {
  const { name, nodes, inputs, outputs, initializers = [], valueInfo = [] } = graph;
  const model = createModel({
    producerName,
    graph: {
      name,
      node: nodes.map(node),
      input: inputs.map(value),
      output: outputs.map(value),
      initializer: initializers.map(initializer),
      valueInfo: valueInfo.map(value),
    },
  });
  return encodeModel(model);
}

function node({
  op,
  domain = '',
  inputs,
  outputs,
  attributes = {},
}: GraphNode): MessageInitShape<typeof NodeProtoSchema> {
  const attribute = Object.entries(attributes).map(([name, given]) => attributeOf(name, given));
  return { opType: op, domain, input: [...inputs], output: [...outputs], attribute };
}

function attributeOf(name: string, given: Attributes[string]): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof given === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(given) };
  if (typeof given !== 'number') return { name, type: AttributeType.INTS, ints: given.map(BigInt) };
  if (FLOAT_ATTRIBUTES.has(name)) return { name, type: AttributeType.FLOAT, f: given };
  return { name, type: AttributeType.INT, i: BigInt(given) };
}

function value({ name, dtype, dims }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = dims.map((size) =>
    typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: size } },
  );
  const tensorType = { elemType: elementType(dtype), shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

function initializer({ name, dtype, dims, values }: TensorInit): MessageInitShape<typeof TensorProtoSchema> {
  const data = {
    float32: () => Float32Array.from(values),
    float16: () => f32ToF16(Float32Array.from(values)),
    int64: () => BigInt64Array.from(values, BigInt),
  }[dtype]();
  return { name, dataType: elementType(dtype), dims: dims.map(BigInt), rawData: new Uint8Array(data.buffer) };
}
