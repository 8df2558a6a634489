export { type ByteSink, bytesSink } from './byte-sink.ts';
export { type ByteSource, type Bytes, blobSource, bytesSource, checkRange } from './byte-source.ts';
export { changed, type FileState } from './changed.ts';
export { DTYPE_BITS, type Dtype, isDtype, tensorBytes } from './dtype.ts';
export { E4M4_LAST, E4M4_VALUES, e4m4Floor, e4m4ToF32 } from './e4m4.ts';
export { e4m3ToF32, e5m2ToF32 } from './fp8.ts';
export { type GgmlType, halfAt } from './ggml/block.ts';
export { GGML_TYPES, type GgmlTypeName } from './ggml/index.ts';
export { dequantize, Gguf, MAX_GGUF_HEADER_BYTES, readGguf } from './gguf.ts';
export type { GgufTensorInfo, GgufValue } from './gguf-header.ts';
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './half.ts';
export { type HttpSourceOptions, httpSource } from './http-source.ts';
export { npyHeader } from './npy.ts';
export { encodePng, type RgbImage, readPngText } from './png.ts';
export { openRetrying, type RetryOptions, retryingSource } from './retry-source.ts';
export { readSafetensors, Safetensors } from './safetensors.ts';
export { MAX_HEADER_BYTES, type TensorInfo } from './safetensors-header.ts';
export {
  planSafetensors,
  type SafetensorsLayout,
  type TensorData,
  type TensorSpec,
  writeSafetensors,
} from './safetensors-writer.ts';
export { createSha256, type Sha256, sha256Hex } from './sha256.ts';
export { isRoundable, roundToF32, WIDENABLE, widen } from './widen.ts';
