import { decodeModel, type GraphProto } from '@flux-srpo/formats/onnx';

/** A value of a graph. */
interface Shape {
  readonly dims: readonly number[];
  /** Bytes of one number. */
  readonly width: number;
}

/** One dispatch of onnxruntime-web 1.30's WebGPU provider, with what it must compute and move. */
export interface Dispatch {
  /** The runtime's name of the program. */
  kernel: string;
  /** Before the runtime spreads more than 65535 over two dimensions. */
  workgroups: number;
  operations: number;
  read: number;
  written: number;
}

type Node = GraphProto['node'][number];

/** ONNX's element types, in bytes. */
const WIDTHS: Readonly<Record<number, number>> = { 1: 4, 2: 1, 7: 8, 10: 2 };

const count = ({ dims }: Shape): number => dims.reduce((product, dim) => product * dim, 1);
const bytes = (shape: Shape): number => count(shape) * shape.width;
const total = (shapes: readonly Shape[]): number => shapes.reduce((sum, shape) => sum + bytes(shape), 0);

/**
 * What a graph dispatches, in order.
 *
 * @param sizes of its symbolic dimensions
 */
export function graphDispatches(model: Uint8Array, sizes: Readonly<Record<string, number>>): Dispatch[] {
  const { graph } = decodeModel(model);
  const values = new Map<string, Shape>();
  const integers = new Map<string, number[]>();
  for (const { name, type } of graph.input) {
    if (type?.value.case !== 'tensorType') continue;
    const dims = type.value.value.shape!.dim.map(({ value }) =>
      value.case === 'dimParam' ? sizes[value.value]! : Number(value.value),
    );
    values.set(name, { dims, width: WIDTHS[type.value.value.elemType]! });
  }
  for (const { name, dims, dataType, int64Data, rawData } of graph.initializer) {
    values.set(name, { dims: dims.map(Number), width: WIDTHS[dataType]! });
    if (dataType !== 7) continue;
    const raw = new BigInt64Array(rawData.slice().buffer);
    integers.set(name, (int64Data.length > 0 ? [...int64Data] : [...raw]).map(Number));
  }
  return graph.node.flatMap((node) => {
    const inputs = node.input.filter((name) => name !== '').map((name) => values.get(name)!);
    const outputs = outputsOf(node, inputs, (at) => integers.get(node.input[at]!) ?? [], sizes);
    for (const [i, name] of node.output.entries()) values.set(name, outputs[i]!);
    return dispatchesOf(node, inputs, outputs);
  });
}

function attribute({ attribute }: Node, name: string): number {
  return Number(attribute.find((each) => each.name === name)?.i ?? 0n);
}

/** @param integersOf the values of the constant input at a place */
function outputsOf(
  node: Node,
  inputs: readonly Shape[],
  integersOf: (at: number) => number[],
  sizes: Readonly<Record<string, number>>,
): Shape[] {
  const [x, y] = inputs as [Shape, Shape | undefined];
  const { dims, width } = x;
  switch (node.opType) {
    case 'Cast':
      return [{ dims, width: WIDTHS[attribute(node, 'to')]! }];
    case 'MatMulNBits':
      return [{ dims: [...dims.slice(0, -1), attribute(node, 'N')], width }];
    case 'MatMul':
      return [{ dims: [...dims.slice(0, -1), y!.dims.at(-1)!], width }];
    case 'ReduceSum':
      return [{ dims: dims.slice(0, -1), width }];
    case 'Split':
      return node.output.map(() => ({ dims: [dims[0]! / node.output.length], width }));
    case 'Slice': {
      // Of the last axis a part that the graph knows; of the tokens, the image's.
      const isOfColumns = integersOf(3)[0] === -1;
      return [{ dims: isOfColumns ? [...dims.slice(0, -1), integersOf(2)[0]!] : [1, sizes.S_img!, dims[2]!], width }];
    }
    case 'Pad': {
      const pads = integersOf(1);
      return [{ dims: dims.map((dim, i) => dim + pads[i]! + pads[dims.length + i]!), width }];
    }
    case 'Reshape': {
      const asked = integersOf(1).map((dim, i) => (dim === 0 ? dims[i]! : dim));
      const rest = count(x) / asked.reduce((product, dim) => (dim < 0 ? product : product * dim), 1);
      return [{ dims: asked.map((dim) => (dim < 0 ? rest : dim)), width }];
    }
    case 'Concat': {
      const axis = (attribute(node, 'axis') + dims.length) % dims.length;
      const joined = inputs.reduce((sum, input) => sum + input.dims[axis]!, 0);
      return [{ dims: dims.map((dim, i) => (i === axis ? joined : dim)), width }];
    }
    case 'Add':
    case 'Mul':
      return [{ dims: count(x) >= count(y!) ? dims : y!.dims, width }];
    case 'Gelu':
    case 'LayerNormalization':
    case 'MultiHeadAttention':
    case 'RMSNormalization':
    case 'RotaryEmbedding':
      return [x];
    default:
      throw new Error(`the census must know every operator of a step, got ${node.opType}`);
  }
}

/** Workgroups as counted at 1024×1024: 64 threads, with 4 numbers each unless said here. */
function dispatchesOf(node: Node, inputs: readonly Shape[], outputs: readonly Shape[]): Dispatch[] {
  const [x, y, z] = inputs as [Shape, Shape, Shape];
  const rows = count(x) / x.dims.at(-1)!;
  const numbers = Math.max(count(x), count(outputs[0]!));
  const one = (kernel: string, operations: number, workgroups = Math.ceil(numbers / 256)): Dispatch[] => [
    { kernel, workgroups, operations, read: total(inputs), written: total(outputs) },
  ];
  switch (node.opType) {
    case 'Reshape':
      return [];
    case 'MatMulNBits': {
      const features = attribute(node, 'N');
      const tiles = Math.ceil(features / 128) * Math.ceil(rows / 32);
      return one('MatMulNBitsWideTile', 2 * count(x) * features, tiles);
    }
    case 'MatMul':
      return one('MatMul', 2 * rows * count(y), Math.ceil(y.dims[1]! / 32) * Math.ceil(rows / 32));
    case 'MultiHeadAttention': {
      // Keys and values are copied into heads first.
      const copied = bytes(y) + bytes(z);
      const copy = {
        kernel: 'CopyKVCache',
        workgroups: Math.ceil(count(y) / 256),
        operations: 0,
        read: copied,
        written: copied,
      };
      const tiles = attribute(node, 'num_heads') * Math.ceil(x.dims[1]! / 64);
      return [copy, ...one('FlashAttention', 4 * x.dims[1]! * count(y), tiles)];
    }
    case 'LayerNormalization':
    case 'RMSNormalization':
      return one('LayerNorm', 8 * count(x), rows);
    case 'RotaryEmbedding': {
      // Positions, an int64 each, are written first.
      const tokens = x.dims[1]!;
      const range = {
        kernel: 'Range',
        workgroups: Math.ceil(tokens / 64),
        operations: 0,
        read: 0,
        written: 8 * tokens,
      };
      return [range, ...one(node.opType, 3 * count(x), Math.ceil(count(x) / 128))];
    }
    case 'ReduceSum':
      return one(node.opType, count(x), count(outputs[0]!));
    case 'Concat':
      return one(node.opType, 0, Math.ceil(count(outputs[0]!) / 64));
    case 'Gelu':
      return one(node.opType, 10 * count(x));
    case 'Add':
    case 'Mul':
      return one(node.opType, count(outputs[0]!));
    default:
      return one(node.opType, 0);
  }
}
