import type { GgufCursor } from './gguf-cursor.ts';
import { type GgufValue, readAlignment, readMetadata } from './gguf-metadata.ts';
import { type GgufTensorInfo, readTensors } from './gguf-tensors.ts';
import { originalShapes } from './original-shapes.ts';

/**
 * The header of a GGUF file: metadata, then what each tensor is and where.
 *
 * Rules and their order are those of ggml's own reader: what it refuses is refused here.
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/docs/gguf.md
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/gguf.cpp `gguf_init_from_file_impl`
 */

/** FLUX.1 has 780 tensors, the largest models about 2,000. As objects, 65,536 take 20 MB. */
const MAX_TENSORS = 65_536;

export interface GgufHeader {
  metadata: ReadonlyMap<string, GgufValue>;
  /** In the order of their data. */
  tensors: ReadonlyMap<string, GgufTensorInfo>;
}

/** Parses and validates a header of a file of `fileSize` bytes. */
export function parseGgufHeader(cursor: GgufCursor, fileSize: number): GgufHeader {
  checkMagic(cursor);
  const tensorCount = cursor.count('tensors', MAX_TENSORS);
  const metadata = readMetadata(cursor);
  const tensors = readTensors(cursor, tensorCount, readAlignment(cursor, metadata), fileSize);
  return { metadata, tensors: originalShapes(cursor, metadata, tensors) };
}

function checkMagic(cursor: GgufCursor): void {
  const magic = cursor.bytes(4);
  if (String.fromCharCode(...magic) !== 'GGUF') throw cursor.error('must begin with "GGUF"');
  const version = cursor.u32();
  // Version 2 has the same layout. Version 1 has shorter counts.
  if (version === 2 || version === 3) return;
  const swapped = (version & 0xffff) === 0 && version !== 0;
  throw cursor.error(
    swapped
      ? 'must be little-endian, got the bytes of a big-endian machine'
      : `must have version 2 or 3, got ${version}`,
  );
}
