import { FormatError } from '@flux-srpo/core';
import type { GgmlType } from './block.ts';
import { GGML_TYPES, type GgmlTypeName } from './types.ts';

/** Float32 values of whole blocks of a ggml type. */
export function dequantize(type: GgmlTypeName, blocks: Uint8Array): Float32Array<ArrayBuffer> {
  const known: GgmlType = GGML_TYPES[type];
  if (known.dequantize === undefined) {
    throw new FormatError(
      `tensors of ggml type ${type} cannot be read as numbers; use another quantization of the file`,
      { code: 'format/dtype-unsupported', details: { type } },
    );
  }
  const out = new Float32Array((blocks.length / known.bytes) * known.length);
  known.dequantize(blocks, out);
  return out;
}
