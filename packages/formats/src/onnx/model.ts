import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FormatError } from '@flux-srpo/core';
import { type GraphProto, type ModelProto, ModelProtoSchema } from './onnx_pb.ts';

/** IR version of ONNX 1.18, the oldest that knows opset 23. */
const IR_VERSION = 11n;

/** Opset of the default domain: the first with RMSNormalization and RotaryEmbedding. */
const OPSET = 23n;

/** ONNX Runtime's own operators (MatMulNBits, MultiHeadAttention, …). */
export const CONTRIB_DOMAIN = 'com.microsoft';

/** A model with this project's IR version and opsets around `graph`. */
export function createModel(init: MessageInitShape<typeof ModelProtoSchema>): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: CONTRIB_DOMAIN, version: 1n },
    ],
    ...init,
  });
}

/** The bytes of an `.onnx` file. Equal models give equal bytes. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}

/** The model in the bytes of an `.onnx` file; it has a graph. */
export function decodeModel(bytes: Uint8Array): ModelProto & { graph: GraphProto } {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new FormatError(
      'an ONNX model must be a protobuf ModelProto, got bytes that are not; convert the model again',
      {
        code: 'format/header-invalid',
        cause,
      },
    );
  }
  const { graph } = model;
  if (graph === undefined) {
    throw new FormatError('an ONNX model must have a graph, got none; convert the model again', {
      code: 'format/header-invalid',
    });
  }
  return Object.assign(model, { graph });
}
