import { clearField } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeGraph, encodeModel, fixInputs, withAccuracyLevel, withWideBlocks } from './index.ts';
import { createModel } from './model.ts';
import { AttributeProto_AttributeType, NodeProtoSchema, TensorProto_DataType } from './onnx_pb.ts';

// onnx.helper.make_model(… one MatMulNBits node …, ir_version=11, opset_imports=[('', 23),
// ('com.microsoft', 1)],
//   producer_name='onnx').SerializeToString(deterministic=True), in base64 — onnx 1.23.2
const REFERENCE =
  'CAsSBG9ubng63QEKYAoBeAoBdwoBcxIBeRoCbjAiC01hdE11bE5CaXRzKggKAUsYQKABAioICgFOGCCgAQIqCwoEYml0cxgEoAECKhEKCmJsb2NrX3NpemUYIKABAjoNY29tLm1pY3Jvc29mdBIBZyoUCAIQBzoLAf///////////wFCAWNaGAoBeBITChEIARINCgIIAQoDEgFTCgIIQFoXCgF3EhIKEAgCEgwKAgggCgIIAgoCCBBaEwoBcxIOCgwIARIICgIIIAoCCAJiGAoBeRITChEIARINCgIIAQoDEgFTCgIIIEIECgAQF0IRCg1jb20ubWljcm9zb2Z0EAE=';

const dims = (...sizes: (number | string)[]) => ({
  dim: sizes.map((size) =>
    typeof size === 'string'
      ? { value: { case: 'dimParam' as const, value: size } }
      : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  ),
});
const value = (name: string, elemType: number, ...sizes: (number | string)[]) => ({
  name,
  type: { value: { case: 'tensorType' as const, value: { elemType, shape: dims(...sizes) } } },
});
const int = (name: string, i: number) => ({ name, i: BigInt(i), type: AttributeProto_AttributeType.INT });

function referenceModel() {
  const { FLOAT, UINT8, INT64 } = TensorProto_DataType;
  return createModel({
    producerName: 'onnx',
    graph: {
      name: 'g',
      node: [
        {
          name: 'n0',
          opType: 'MatMulNBits',
          domain: 'com.microsoft',
          input: ['x', 'w', 's'],
          output: ['y'],
          attribute: [int('K', 64), int('N', 32), int('bits', 4), int('block_size', 32)],
        },
      ],
      input: [value('x', FLOAT, 1, 'S', 64), value('w', UINT8, 32, 2, 16), value('s', FLOAT, 32, 2)],
      output: [value('y', FLOAT, 1, 'S', 32)],
      initializer: [{ name: 'c', dataType: INT64, dims: [2n], int64Data: [1n, -1n] }],
    },
  });
}

describe('encodeModel', () => {
  it("writes the bytes of onnx's own serializer", () => {
    expect(Buffer.from(encodeModel(referenceModel())).toString('base64')).toBe(REFERENCE);
  });
});

describe('encodeGraph', () => {
  const graph = {
    name: 'g',
    nodes: [
      {
        op: 'MatMulNBits',
        domain: 'com.microsoft',
        inputs: ['x', 'w', 's'],
        outputs: ['y'],
        attributes: { K: 64, N: 32, bits: 4, block_size: 32 },
      },
    ],
    inputs: [
      { name: 'x', dtype: 'float32', dims: [1, 'S', 64] },
      { name: 'w', dtype: 'uint8', dims: [32, 2, 16] },
      { name: 's', dtype: 'float32', dims: [32, 2] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', dims: [1, 'S', 32] }],
    initializers: [{ name: 'c', dtype: 'int64', dims: [2], values: [1, -1] }],
  } as const;

  it('says the same as a model made by onnx', () => {
    const expected = referenceModel();
    // Nodes have no names here, and constants are bytes.
    clearField(expected.graph!.node[0]!, NodeProtoSchema.field.name);
    const [constant] = expected.graph!.initializer;
    Object.assign(constant!, { int64Data: [], rawData: new Uint8Array(BigInt64Array.of(1n, -1n).buffer) });
    expect(decodeModel(encodeGraph(graph, 'onnx'))).toEqual(expected);
  });

  it('writes whole numbers of float attributes as floats, and keeps texts and lists', () => {
    const attributes = { epsilon: 1, approximate: 'tanh', pads: [1, 2] };
    const model = decodeModel(encodeGraph({ ...graph, nodes: [{ ...graph.nodes[0], attributes }] }));
    expect(model.graph.node[0]!.attribute).toMatchObject([
      { name: 'epsilon', type: AttributeProto_AttributeType.FLOAT, f: 1 },
      { name: 'approximate', type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode('tanh') },
      { name: 'pads', type: AttributeProto_AttributeType.INTS, ints: [1n, 2n] },
    ]);
  });

  it('names fixed inputs without bytes as external data, and sets the accuracy of quantized products', () => {
    const fixed = fixInputs(encodeGraph(graph), [{ name: 's', dtype: 'float32', dims: [32, 2] }]);
    // onnx.TensorProto.EXTERNAL = 1
    const external = { dataLocation: 1, externalData: [{ key: 'location', value: 's' }] };
    expect(decodeModel(fixed).graph.initializer.at(-1)).toMatchObject({ name: 's', dims: [32n, 2n], ...external });
    const twice = decodeModel(withAccuracyLevel(withAccuracyLevel(fixed, 1), 4));
    const levels = twice.graph.node[0]!.attribute.filter(({ name }) => name === 'accuracy_level');
    expect(levels).toMatchObject([{ type: AttributeProto_AttributeType.INT, i: 4n }]);
  });

  it('turns the 4-bit products that are wanted into 8 bits in larger blocks', () => {
    const numbers = ({ model }: { model: Uint8Array }) =>
      Object.fromEntries(decodeModel(model).graph.node[0]!.attribute.map(({ name, i }) => [name, i]));
    const all = withWideBlocks(encodeGraph(graph), 128, () => true);
    expect(all.layers).toEqual([{ weight: 'w', scales: 's', N: 32, K: 64 }]);
    expect(numbers(all)).toMatchObject({ bits: 8n, block_size: 128n, K: 64n });
    // A second time there is none of 4 bits.
    expect(withWideBlocks(all.model, 256, () => true)).toEqual({ model: all.model, layers: [] });
    expect(withWideBlocks(encodeGraph(graph), 128, () => false).layers).toEqual([]);
  });

  it('has fixed inputs as initializers, and only the others are fed', () => {
    const bytes = Uint8Array.from({ length: 32 * 2 * 4 }, (_, i) => i);
    const fixed = decodeModel(fixInputs(encodeGraph(graph), [{ name: 's', dtype: 'float32', dims: [32, 2], bytes }]));
    expect(fixed.graph.input.map(({ name }) => name)).toEqual(['x', 'w']);
    expect(fixed.graph.initializer.at(-1)).toMatchObject({ name: 's', dataType: 1, dims: [32n, 2n], rawData: bytes });
  });
});

describe('decodeModel', () => {
  it('reads what onnx wrote', () => {
    const model = decodeModel(Buffer.from(REFERENCE, 'base64'));
    expect(model).toEqual(referenceModel());
    expect(model.irVersion).toBe(11n);
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([
      ['', 23n],
      ['com.microsoft', 1n],
    ]);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a web page', new TextEncoder().encode('<!doctype html><html><body>404</body></html>')],
    ['half a model', Buffer.from(REFERENCE, 'base64').subarray(0, 100)],
    ['a length near 2^63', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ['graphs nested a hundred thousand deep', nested(100_000)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeModel(bytes)).toThrow(expect.objectContaining({ code: 'format/header-invalid' }));
  });
});

/**
 * A model whose graph has a node with an attribute that is a graph, and so on: each level claims
 * all the bytes that follow.
 */
function nested(levels: number): Uint8Array {
  // Field 7 of ModelProto, then for ever: graph.node (1), node.attribute (5), attribute.g (6), with
  // 4-byte lengths.
  const out: number[] = [];
  const fields = [0x3a, ...Array.from({ length: levels }, (_, i) => [0x0a, 0x2a, 0x32][i % 3]!)];
  fields.forEach((field, i) => {
    const length = (fields.length - 1 - i) * 5;
    out.push(
      field,
      (length & 127) | 128,
      ((length >> 7) & 127) | 128,
      ((length >> 14) & 127) | 128,
      (length >> 21) & 127,
    );
  });
  return Uint8Array.from(out);
}
