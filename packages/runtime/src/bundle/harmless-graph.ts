import { ModelError } from '@flux-srpo/core';
import { CONTRIB_DOMAIN, decodeModel } from '@flux-srpo/formats/onnx';

/*
 * A graph is a program that a stranger may have written. Only operators that our own graphs use may
 * run: none reads a file, loops or branches. ONNX Runtime checks shapes and types.
 */

const OPERATORS: Readonly<Record<string, ReadonlySet<string>>> = {
  '': new Set([
    'Abs',
    'Add',
    'Cast',
    'Concat',
    'Conv',
    'Div',
    'Gelu',
    'InstanceNormalization',
    'LayerNormalization',
    'MatMul',
    'Mul',
    'Pad',
    'RMSNormalization',
    'ReduceMean',
    'ReduceSum',
    'Reshape',
    'Resize',
    'RotaryEmbedding',
    'Shape',
    'Sigmoid',
    'Slice',
    'Softmax',
    'Split',
    'Sub',
    'Transpose',
  ]),
  [CONTRIB_DOMAIN]: new Set(['MatMulNBits', 'MultiHeadAttention', 'QuickGelu']),
};

/**
 * The largest of ours has 134. A classifier's, which others have exported, may have some thousands.
 */
const MAX_NODES = 20_000;
/** ONNX's number for tensors whose bytes are in another file. */
const EXTERNAL = 1;

/**
 * Throws for a graph that does anything but compute. Those of others, as a classifier's is, may
 * have all operators of ONNX and of its runtime that hold no graph inside.
 *
 * @param bytes of the `.onnx` file
 */
export function requireHarmless(name: string, bytes: Uint8Array, whose: 'ours' | 'others' = 'ours'): void {
  const { graph, functions, trainingInfo } = decodeModel(bytes);
  if (functions.length > 0 || trainingInfo.length > 0) throw refused(name, 'no functions or training of its own');
  if (graph.node.length > MAX_NODES) throw refused(name, `at most ${MAX_NODES} nodes`, String(graph.node.length));
  for (const { opType, domain, attribute } of graph.node) {
    const isKnown = Object.hasOwn(OPERATORS, domain) && (whose === 'others' || OPERATORS[domain]!.has(opType));
    if (!isKnown) {
      const got = domain === '' ? opType : `${domain}:${opType}`;
      throw refused(name, 'operators that this library knows', got.slice(0, 80));
    }
    for (const { g, graphs, t, tensors, sparseTensor, sparseTensors } of attribute) {
      if (g !== undefined || graphs.length > 0) throw refused(name, 'no graph inside a node', opType);
      const isSparse = sparseTensor !== undefined || sparseTensors.length > 0;
      const isExternal = [t, ...tensors].some((tensor) => tensor?.dataLocation === EXTERNAL);
      if (isSparse || isExternal) throw refused(name, 'its numbers inside the file', opType);
    }
  }
  const isOutside = graph.initializer.some(
    ({ dataLocation, externalData }) => dataLocation === EXTERNAL || externalData.length > 0,
  );
  if (isOutside || graph.sparseInitializer.length > 0) throw refused(name, 'its numbers inside the file');
}

function refused(name: string, expected: string, got = 'others'): ModelError {
  return new ModelError(`graph ${name} must have ${expected}, got ${got}; convert the model again`, {
    code: 'model/manifest-invalid',
    details: { graph: name, expected, got },
  });
}
