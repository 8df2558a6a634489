import { FormatError } from '@flux-srpo/core';
import { dequantize } from '../ggml/dequantize.ts';
import { GGML_TYPES } from '../ggml/types.ts';
import type { ByteSource, Bytes } from '../sources/byte-source.ts';
import { TensorFile } from '../sources/tensor-file.ts';
import { GgufCursor, NeedMore } from './gguf-cursor.ts';
import { type GgufHeader, parseGgufHeader } from './gguf-header.ts';
import type { GgufValue } from './gguf-metadata.ts';
import type { GgufTensorInfo } from './gguf-tensors.ts';

/** Enough for an image model's header. A header with a tokenizer takes a few more reads. */
const FIRST_READ_BYTES = 128 * 1024;

/** The largest thing in a header is a tokenizer: 256k pieces with merges take about 15 MB. */
const MAX_GGUF_HEADER_BYTES = 32 * 1024 * 1024;

/** An open GGUF file: its header, and its tensors in ranges. */
export class Gguf extends TensorFile<GgufTensorInfo> {
  readonly metadata: ReadonlyMap<string, GgufValue>;

  constructor(source: ByteSource, { metadata, tensors }: GgufHeader) {
    super(source, tensors);
    this.metadata = metadata;
  }

  /** Weights `start` up to `end` of a tensor, row-major. Only their blocks are read. */
  async readValues(name: string, start: number, end: number, signal?: AbortSignal): Promise<Float32Array> {
    const { type } = this.info(name);
    const { length, bytes } = GGML_TYPES[type];
    const [first, last] = [Math.floor(start / length), Math.ceil(end / length)];
    const blocks = await this.readRange(name, first * bytes, (last - first) * bytes, signal);
    return dequantize(type, blocks).subarray(start - first * length, end - first * length);
  }
}

/** Reads and checks the header of a GGUF file, but no tensor. The caller closes the source. */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<Gguf> {
  const largest = Math.min(source.size, MAX_GGUF_HEADER_BYTES);
  let bytes: Bytes = await source.read(0, Math.min(FIRST_READ_BYTES, largest), signal);
  for (;;) {
    try {
      return new Gguf(source, parseGgufHeader(new GgufCursor(source.name, bytes, source.size), source.size));
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error;
    }
    if (bytes.length === largest) throw headerTooLarge(source.name);
    // Parsing starts over each time, so no state survives a half-read field. Doubling keeps that
    // below twice the work.
    const longer = new Uint8Array(Math.min(2 * bytes.length, largest));
    longer.set(bytes);
    longer.set(await source.read(bytes.length, longer.length - bytes.length, signal), bytes.length);
    bytes = longer;
  }
}

function headerTooLarge(name: string): FormatError {
  return new FormatError(`${name}: the header must have up to ${MAX_GGUF_HEADER_BYTES} bytes, got more`, {
    code: 'format/header-too-large',
    details: { name, max: MAX_GGUF_HEADER_BYTES },
  });
}
