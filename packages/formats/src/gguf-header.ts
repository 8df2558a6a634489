import { FormatError } from '@flux-srpo/core';
import { GGML_TYPES, type GgmlTypeName, ggmlTypeName } from './ggml/index.ts';
import { type GgufCursor, show } from './gguf-cursor.ts';

/**
 * The header of a GGUF file: metadata, then what each tensor is and where.
 *
 * Rules and their order follow ggml's own reader; a file it refuses is refused here.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/docs/gguf.md
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/gguf.cpp `gguf_init_from_file_impl`
 */

/** FLUX.1 has 780, the largest models of experts about 2,000 with split files; 65,536 entries cost 20 MB as objects. */
const MAX_TENSORS = 65_536;

/** Published files have 3 (FLUX.1) to about 60. */
const MAX_METADATA = 65_536;

/** The specification's. */
const MAX_KEY_BYTES = 65_535;

/** ggml has room for 63 bytes, builds for image models for 127. */
const MAX_NAME_BYTES = 127;

/** Far above the longest in use, chat templates of some 10 KB. */
const MAX_STRING_BYTES = 1024 * 1024;

/** ggml's. */
const MAX_RANK = 4;

const DEFAULT_ALIGNMENT = 32;

/** Files are aligned for memory maps, whose pages are 4 to 64 KB. */
const MAX_ALIGNMENT = 65_536;

/** Numbers and text as they are. Of a list only what it is: tokenizers' are long and not needed here. */
export type GgufValue = number | bigint | boolean | string | { readonly type: string; readonly length: number };

export interface GgufTensorInfo {
  readonly type: GgmlTypeName;
  /** Outermost first, as torch has it; the file has it the other way round. Empty for a scalar. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

export interface GgufHeader {
  metadata: ReadonlyMap<string, GgufValue>;
  /** In the order of their data. */
  tensors: ReadonlyMap<string, GgufTensorInfo>;
}

/** Parses and validates a header of a file of `fileSize` bytes. */
export function parseGgufHeader(cursor: GgufCursor, fileSize: number): GgufHeader {
  checkMagic(cursor);
  const tensorCount = cursor.count('tensors', MAX_TENSORS);
  const metadataCount = cursor.count('metadata entries', MAX_METADATA);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = cursor.text('a metadata key', MAX_KEY_BYTES);
    if (metadata.has(key)) throw cursor.error(`must not repeat metadata key "${show(key)}"`);
    metadata.set(key, readValue(cursor, key));
  }
  const alignment = readAlignment(cursor, metadata);
  return { metadata, tensors: readTensors(cursor, tensorCount, alignment, fileSize) };
}

function checkMagic(cursor: GgufCursor): void {
  const magic = cursor.bytes(4);
  if (String.fromCharCode(...magic) !== 'GGUF') throw cursor.error('must begin with "GGUF"');
  const version = cursor.u32();
  // Version 2 has the same layout; version 1 had shorter counts.
  if (version === 2 || version === 3) return;
  const swapped = (version & 0xffff) === 0 && version !== 0;
  throw cursor.error(
    swapped
      ? 'must be little-endian, got the bytes of a big-endian machine'
      : `must have version 2 or 3, got ${version}`,
  );
}

const STRING = 8;
const ARRAY = 9;

/** Value types by number, with the bytes of one. */
const VALUE_TYPES: readonly (readonly [name: string, bytes: number])[] = [
  ['u8', 1],
  ['i8', 1],
  ['u16', 2],
  ['i16', 2],
  ['u32', 4],
  ['i32', 4],
  ['f32', 4],
  ['bool', 1],
  ['string', 0],
  ['array', 0],
  ['u64', 8],
  ['i64', 8],
  ['f64', 8],
];

function readValue(cursor: GgufCursor, key: string): GgufValue {
  const type = cursor.u32();
  if (type !== ARRAY) return readScalar(cursor, key, type);
  const itemType = cursor.u32();
  const [name, bytes] = valueType(cursor, key, itemType);
  if (itemType === ARRAY) throw cursor.error(`must not nest lists, as "${show(key)}" does`);
  if (itemType !== STRING) {
    const length = cursor.length(`items of "${show(key)}"`, bytes);
    cursor.skip(length * bytes);
    return { type: name, length };
  }
  // Each string has at least its length of 8 bytes.
  const length = cursor.length(`items of "${show(key)}"`, 8);
  for (let i = 0; i < length; i++) cursor.skip(cursor.count(`bytes of an item of "${show(key)}"`, MAX_STRING_BYTES));
  return { type: name, length };
}

function readScalar(cursor: GgufCursor, key: string, type: number): GgufValue {
  switch (valueType(cursor, key, type)[0]) {
    case 'string':
      return cursor.string(`the text of "${show(key)}"`, MAX_STRING_BYTES);
    case 'bool': {
      const byte = cursor.view(1).getUint8(0);
      if (byte > 1) throw cursor.error(`must have 0 or 1 for "${show(key)}", got ${byte}`);
      return byte === 1;
    }
    case 'u8':
      return cursor.view(1).getUint8(0);
    case 'i8':
      return cursor.view(1).getInt8(0);
    case 'u16':
      return cursor.view(2).getUint16(0, true);
    case 'i16':
      return cursor.view(2).getInt16(0, true);
    case 'u32':
      return cursor.u32();
    case 'i32':
      return cursor.view(4).getInt32(0, true);
    case 'f32':
      return cursor.view(4).getFloat32(0, true);
    case 'u64':
      return cursor.view(8).getBigUint64(0, true);
    case 'i64':
      return cursor.view(8).getBigInt64(0, true);
    default:
      return cursor.view(8).getFloat64(0, true);
  }
}

function valueType(cursor: GgufCursor, key: string, type: number): readonly [name: string, bytes: number] {
  const found = VALUE_TYPES[type];
  if (found !== undefined) return found;
  throw cursor.error(`must have value types 0 to 12, got ${type} for "${show(key)}"`);
}

function readAlignment(cursor: GgufCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPowerOf2 = typeof alignment === 'number' && Number.isInteger(Math.log2(alignment));
  if (isPowerOf2 && alignment >= 8 && alignment <= MAX_ALIGNMENT) return alignment;
  throw cursor.error(
    `must have general.alignment as a power of 2 from 8 to ${MAX_ALIGNMENT}, got ${show(describe(alignment))}`,
  );
}

function describe(value: GgufValue): string {
  return typeof value === 'object' ? `a list of ${value.type}` : String(value);
}

interface Entry {
  name: string;
  type: GgmlTypeName;
  shape: number[];
  /** From the start of the data. */
  begin: number;
  bytes: number;
}

function readTensors(
  cursor: GgufCursor,
  count: number,
  alignment: number,
  fileSize: number,
): ReadonlyMap<string, GgufTensorInfo> {
  const entries: Entry[] = [];
  const names = new Set<string>();
  let end = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(cursor);
    const { name, begin, bytes } = entry;
    if (names.has(name)) throw cursor.error(`must not repeat tensor "${show(name)}"`);
    names.add(name);
    // ggml lays data out in the order of the entries without holes, so that no two share bytes.
    if (begin !== end) {
      throw new FormatError(`${cursor.name}: tensor "${show(name)}" must have its data at ${end}, got ${begin}`, {
        code: 'format/offset-out-of-range',
        details: { name: cursor.name, tensor: show(name), expected: end, got: begin },
      });
    }
    end = roundUp(begin + bytes, alignment);
    if (!Number.isSafeInteger(end)) throw tooLarge(cursor, name);
    entries.push(entry);
  }
  const dataStart = roundUp(cursor.at, alignment);
  const last = entries.at(-1);
  const needed = last === undefined ? 0 : dataStart + last.begin + last.bytes;
  if (needed > fileSize) {
    throw new FormatError(
      `${cursor.name}: the tensors end at byte ${needed}, but the file has ${fileSize}; it is cut short`,
      { code: 'format/truncated', details: { name: cursor.name, expected: needed, got: fileSize } },
    );
  }
  return new Map(
    entries.map(({ name, type, shape, begin, bytes }) => [name, { type, shape, offset: dataStart + begin, bytes }]),
  );
}

function readEntry(cursor: GgufCursor): Entry {
  const name = cursor.text('a tensor name', MAX_NAME_BYTES);
  const rank = cursor.u32();
  if (rank > MAX_RANK) throw cursor.error(`must have up to ${MAX_RANK} dimensions, got ${rank} for "${show(name)}"`);
  const innermostFirst = Array.from({ length: rank }, () => cursor.u64());
  const typeId = cursor.u32();
  const type = ggmlTypeName(typeId);
  if (type === undefined) {
    throw new FormatError(`${cursor.name}: tensor "${show(name)}" has unknown ggml type ${typeId}`, {
      code: 'format/dtype-unsupported',
      details: { name: cursor.name, tensor: show(name), type: typeId },
    });
  }
  const begin = cursor.u64();
  const bytes = tensorBytes(cursor, name, type, innermostFirst);
  if (begin === undefined) throw tooLarge(cursor, name);
  return { name, type, shape: (innermostFirst as number[]).reverse(), begin, bytes };
}

function tensorBytes(
  cursor: GgufCursor,
  name: string,
  type: GgmlTypeName,
  innermostFirst: readonly (number | undefined)[],
): number {
  const block = GGML_TYPES[type];
  const row = innermostFirst[0] ?? 1;
  if (row % block.length !== 0) {
    throw new FormatError(
      `${cursor.name}: rows of tensor "${show(name)}" must be whole blocks of ${block.length} weights of ${type}, got ${row}`,
      { code: 'format/shape-mismatch', details: { name: cursor.name, tensor: show(name), type, row } },
    );
  }
  let bytes: number = block.bytes / block.length;
  // The innermost first: then every product is a whole number.
  for (const dim of innermostFirst) {
    bytes *= dim ?? Number.POSITIVE_INFINITY;
    if (!Number.isSafeInteger(bytes)) throw tooLarge(cursor, name);
  }
  return bytes;
}

function tooLarge(cursor: GgufCursor, name: string): FormatError {
  return new FormatError(
    `${cursor.name}: tensor "${show(name)}" must have fewer than 2^53 bytes at an offset below that`,
    {
      code: 'format/offset-out-of-range',
      details: { name: cursor.name, tensor: show(name) },
    },
  );
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
