import { FormatError } from '@flux-srpo/core';
import type { ByteSource, Bytes } from '../sources/byte-source.ts';
import { TensorFile } from '../sources/tensor-file.ts';
import { MAX_HEADER_BYTES, parseHeader, type SafetensorsHeader, type TensorInfo } from './safetensors-header.ts';

/** Bytes of the header's length: a little-endian u64 at the start of the file. */
const LENGTH_BYTES = 8;

/** An open safetensors file: its header, and its tensors in ranges. */
export class Safetensors extends TensorFile<TensorInfo> {
  /** The file's own `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;

  constructor(source: ByteSource, { metadata, tensors }: SafetensorsHeader) {
    super(source, tensors);
    this.metadata = metadata;
  }

  /** All bytes of a tensor, little-endian, row-major. */
  read(name: string, signal?: AbortSignal): Promise<Bytes> {
    return this.readRange(name, 0, this.info(name).bytes, signal);
  }
}

/** Reads and checks the header of a safetensors file. The caller closes the source. */
export async function readSafetensors(source: ByteSource, signal?: AbortSignal): Promise<Safetensors> {
  if (source.size < LENGTH_BYTES) {
    throw new FormatError(
      `${source.name}: a safetensors file must have 8 bytes or more, got ${source.size}; download it again`,
      {
        code: 'format/truncated',
        details: { name: source.name, expected: LENGTH_BYTES, got: source.size },
      },
    );
  }
  const start = await source.read(0, LENGTH_BYTES, signal);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  const room = source.size - LENGTH_BYTES;
  if (length > BigInt(MAX_HEADER_BYTES)) {
    // The first 8 bytes of another kind of file make a huge number.
    const problem = `must begin with the length of its header, up to ${MAX_HEADER_BYTES} bytes, got ${length}`;
    throw new FormatError(`${source.name}: a safetensors file ${problem}; is it one?`, {
      code: 'format/header-too-large',
      details: { name: source.name, max: MAX_HEADER_BYTES, got: String(length) },
    });
  }
  if (length > BigInt(room)) {
    throw new FormatError(
      `${source.name}: the header must fit in the ${room} bytes that follow, got ${length}; download it again`,
      {
        code: 'format/truncated',
        details: { name: source.name, expected: Number(length), got: room },
      },
    );
  }
  const header = await source.read(LENGTH_BYTES, Number(length), signal);
  return new Safetensors(source, parseHeader(header, source.name, LENGTH_BYTES + header.length, source.size));
}
