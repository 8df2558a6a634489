import { describe, expect, it } from 'vitest';
import { AttributeProto_AttributeType, createModel, decodeModel, encodeModel, TensorProto_DataType } from './index.ts';

// onnx.helper.make_model(… one MatMulNBits node …, ir_version=11, opset_imports=[('', 23), ('com.microsoft', 1)],
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

/** A model whose graph has a node with an attribute that is a graph, and so on: each level claims all the bytes that follow. */
function nested(levels: number): Uint8Array {
  // Field 7 of ModelProto, then for ever: graph.node (1), node.attribute (5), attribute.g (6), with 4-byte lengths.
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
