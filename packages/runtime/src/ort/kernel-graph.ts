import {
  CONTRIB_DOMAIN,
  createModel,
  TensorProto_DataType as DataType,
  encodeModel,
  AttributeProto_AttributeType as Kind,
} from '@flux-srpo/formats/onnx';
import type { HostTensor } from './backend.ts';

const ELEMENT = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  uint8: DataType.UINT8,
  int64: DataType.INT64,
} as const;

export interface KernelNode {
  op: string;
  /** One of ONNX Runtime's own operators. */
  contrib?: boolean;
  /** Names of feeds, or '' for an input left out. */
  inputs: readonly string[];
  integers?: Readonly<Record<string, number>>;
  floats?: Readonly<Record<string, number>>;
  strings?: Readonly<Record<string, string>>;
  /** Lists of integers. */
  lists?: Readonly<Record<string, readonly number[]>>;
  /** Computed in half precision: float32 inputs are cast to it before the node, and its output back. */
  isHalf?: boolean;
}

/** A graph of one node (and its casts) whose inputs are `feeds`, shapes included, and whose output is `y` of `dims`. */
export function kernelGraph(
  node: KernelNode,
  feeds: Readonly<Record<string, HostTensor>>,
  dims: readonly number[],
): Uint8Array<ArrayBuffer> {
  const { integers = {}, floats = {}, strings = {}, lists = {}, isHalf = false } = node;
  const cast = (input: string, output: string, to: number) => ({
    opType: 'Cast',
    input: [input],
    output: [output],
    attribute: [{ name: 'to', type: Kind.INT, i: BigInt(to) }],
  });
  const halved = isHalf ? node.inputs.filter((name) => feeds[name]?.dtype === 'float32') : [];
  const value = (name: string, { dtype, dims }: Pick<HostTensor, 'dtype' | 'dims'>) => ({
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType: ELEMENT[dtype],
          shape: { dim: dims.map((dim) => ({ value: { case: 'dimValue' as const, value: BigInt(dim) } })) },
        },
      },
    },
  });
  return encodeModel(
    createModel({
      graph: {
        name: node.op,
        node: [
          ...halved.map((name) => cast(name, `${name}_half`, DataType.FLOAT16)),
          {
            opType: node.op,
            domain: node.contrib ? CONTRIB_DOMAIN : '',
            input: node.inputs.map((name) => (halved.includes(name) ? `${name}_half` : name)),
            output: [isHalf ? 'y_half' : 'y'],
            attribute: [
              ...Object.entries(integers).map(([name, i]) => ({ name, type: Kind.INT, i: BigInt(i) })),
              ...Object.entries(floats).map(([name, f]) => ({ name, type: Kind.FLOAT, f })),
              ...Object.entries(strings).map(([name, text]) => ({
                name,
                type: Kind.STRING,
                s: new TextEncoder().encode(text),
              })),
              ...Object.entries(lists).map(([name, ints]) => ({ name, type: Kind.INTS, ints: ints.map(BigInt) })),
            ],
          },
          ...(isHalf ? [cast('y_half', 'y', DataType.FLOAT)] : []),
        ],
        input: Object.entries(feeds).map(([name, feed]) => value(name, feed)),
        output: [value('y', { dtype: 'float32', dims })],
      },
    }),
  );
}
