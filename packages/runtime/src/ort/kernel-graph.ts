import {
  CONTRIB_DOMAIN,
  createModel,
  TensorProto_DataType as DataType,
  encodeModel,
  AttributeProto_AttributeType as Kind,
} from '@flux-srpo/formats/onnx';
import type { HostTensor } from './backend.ts';

const ELEMENT = { float32: DataType.FLOAT, uint8: DataType.UINT8, int64: DataType.INT64 } as const;

export interface KernelNode {
  op: string;
  /** One of ONNX Runtime's own operators. */
  contrib?: boolean;
  /** Names of feeds, or '' for an input left out. */
  inputs: readonly string[];
  integers?: Readonly<Record<string, number>>;
  floats?: Readonly<Record<string, number>>;
  /** Lists of integers. */
  lists?: Readonly<Record<string, readonly number[]>>;
}

/** A graph of one node whose inputs are `feeds`, shapes included, and whose output is `y` of `dims`. */
export function kernelGraph(
  node: KernelNode,
  feeds: Readonly<Record<string, HostTensor>>,
  dims: readonly number[],
): Uint8Array<ArrayBuffer> {
  const { integers = {}, floats = {}, lists = {} } = node;
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
          {
            opType: node.op,
            domain: node.contrib ? CONTRIB_DOMAIN : '',
            input: [...node.inputs],
            output: ['y'],
            attribute: [
              ...Object.entries(integers).map(([name, i]) => ({ name, type: Kind.INT, i: BigInt(i) })),
              ...Object.entries(floats).map(([name, f]) => ({ name, type: Kind.FLOAT, f })),
              ...Object.entries(lists).map(([name, ints]) => ({ name, type: Kind.INTS, ints: ints.map(BigInt) })),
            ],
          },
        ],
        input: Object.entries(feeds).map(([name, feed]) => value(name, feed)),
        output: [value('y', { dtype: 'float32', dims })],
      },
    }),
  );
}
