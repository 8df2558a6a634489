import { type Attributes, CONTRIB_DOMAIN, elementType, encodeGraph, type GraphNode } from '@flux-srpo/formats/onnx';
import type { HostTensor } from './backend.ts';

export interface KernelNode {
  op: string;
  /** One of ONNX Runtime's own operators. */
  contrib?: boolean;
  /** Names of feeds, or '' for an input left out. */
  inputs: readonly string[];
  attributes?: Attributes;
  /** Casts float32 inputs to half precision before the node, and its output back. */
  isHalf?: boolean;
}

/** A graph of one node (and its casts): inputs like `feeds`, one output `y` of `dims`. */
export function kernelGraph(
  { op, contrib = false, inputs, attributes = {}, isHalf = false }: KernelNode,
  feeds: Readonly<Record<string, HostTensor>>,
  dims: readonly number[],
): Uint8Array<ArrayBuffer> {
  const halved = isHalf ? Object.keys(feeds).filter((name) => feeds[name]?.dtype === 'float32') : [];
  return encodeGraph({
    name: op,
    nodes: [
      ...halved.map((name) => cast(name, `${name}_half`, 'float16')),
      {
        op,
        domain: contrib ? CONTRIB_DOMAIN : '',
        inputs: inputs.map((name) => (halved.includes(name) ? `${name}_half` : name)),
        outputs: [isHalf ? 'y_half' : 'y'],
        attributes,
      },
      ...(isHalf ? [cast('y_half', 'y', 'float32')] : []),
    ],
    inputs: Object.entries(feeds).map(([name, feed]) => ({ name, dtype: feed.dtype, dims: feed.dims })),
    outputs: [{ name: 'y', dtype: 'float32', dims }],
  });
}

function cast(input: string, output: string, to: 'float32' | 'float16'): GraphNode {
  return { op: 'Cast', inputs: [input], outputs: [output], attributes: { to: elementType(to) } };
}
