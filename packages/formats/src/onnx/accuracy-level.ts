import { create } from '@bufbuild/protobuf';
import { decodeModel, encodeModel } from './model.ts';
import { AttributeProtoSchema, AttributeProto_AttributeType as AttributeType } from './onnx_pb.ts';

/**
 * The same model, whose quantized products may be computed at this `accuracy_level`: 0 is the
 * model's own floats, 4 rounds the activations to 8 bits, block by block.
 *
 * https://github.com/microsoft/onnxruntime/blob/v1.22.0/docs/ContribOperators.md#com.microsoft.MatMulNBits
 */
export function withAccuracyLevel(model: Uint8Array, level: number): Uint8Array<ArrayBuffer> {
  const decoded = decodeModel(model);
  const name = 'accuracy_level';
  for (const node of decoded.graph.node) {
    if (node.opType !== 'MatMulNBits') continue;
    const attribute = create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(level) });
    node.attribute = [...node.attribute.filter((other) => other.name !== name), attribute];
  }
  return encodeModel(decoded);
}
