import { showName } from '../show-name.ts';
import type { GgufCursor } from './gguf-cursor.ts';

/** Published files have 3 (FLUX.1) to about 60 entries. */
const MAX_METADATA = 65_536;

/** The specification's limit. */
const MAX_KEY_BYTES = 65_535;

/** As much as a header may have: a tokenizer.json inside takes 2.4 MB for T5, others up to 20. */
const MAX_STRING_BYTES = 32 * 1024 * 1024;

const DEFAULT_ALIGNMENT = 32;

/** Alignment serves memory maps, whose pages have 4 to 64 KB. */
const MAX_ALIGNMENT = 65_536;

/** A number or a text. Of a list its type and length, and its items where they are {@link KEPT}. */
export type GgufValue = GgufScalar | GgufList;

type GgufScalar = number | bigint | boolean | string;

interface GgufList {
  readonly type: string;
  readonly length: number;
  readonly items?: readonly GgufScalar[];
}

/** Lists whose items are read: a tensor's shape before it was cut into rows, and a tokenizer. */
const KEPT = /^(?:comfy\.gguf\.orig_shape\.|tokenizer\.ggml\.)/;

/** Tokenizers have up to 256k pieces, and as many merges. */
const MAX_KEPT_ITEMS = 1024 * 1024;

const STRING = 8;
const ARRAY = 9;

type ValueType = readonly [name: string, bytes: number, read: (view: DataView) => number | bigint];

/** Value types by their number: name, bytes of one value, and how it is read. */
const VALUE_TYPES: readonly ValueType[] = [
  ['u8', 1, (view) => view.getUint8(0)],
  ['i8', 1, (view) => view.getInt8(0)],
  ['u16', 2, (view) => view.getUint16(0, true)],
  ['i16', 2, (view) => view.getInt16(0, true)],
  ['u32', 4, (view) => view.getUint32(0, true)],
  ['i32', 4, (view) => view.getInt32(0, true)],
  ['f32', 4, (view) => view.getFloat32(0, true)],
  ['bool', 1, (view) => view.getUint8(0)],
  ['string', 0, () => 0],
  ['array', 0, () => 0],
  ['u64', 8, (view) => view.getBigUint64(0, true)],
  ['i64', 8, (view) => view.getBigInt64(0, true)],
  ['f64', 8, (view) => view.getFloat64(0, true)],
];

/** How many metadata entries follow the count of tensors, and the entries. */
export function readMetadata(cursor: GgufCursor): ReadonlyMap<string, GgufValue> {
  const count = cursor.count('metadata entries', MAX_METADATA);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.text('a metadata key', MAX_KEY_BYTES);
    if (metadata.has(key)) throw cursor.error(`must not repeat metadata key "${showName(key)}"`);
    metadata.set(key, readValue(cursor, key));
  }
  return metadata;
}

function readValue(cursor: GgufCursor, key: string): GgufValue {
  const type = cursor.u32();
  if (type !== ARRAY) return readScalar(cursor, key, type);
  const itemType = cursor.u32();
  const [name, bytes] = valueType(cursor, key, itemType);
  if (itemType === ARRAY) throw cursor.error(`must not nest lists, as "${showName(key)}" does`);
  // Each string has at least its length of 8 bytes.
  const length = cursor.length(`items of "${showName(key)}"`, itemType === STRING ? 8 : bytes);
  if (KEPT.test(key)) return { type: name, length, items: readItems(cursor, key, itemType, length) };
  if (itemType !== STRING) cursor.skip(length * bytes);
  else
    for (let i = 0; i < length; i++)
      cursor.skip(cursor.count(`bytes of an item of "${showName(key)}"`, MAX_STRING_BYTES));
  return { type: name, length };
}

function readItems(cursor: GgufCursor, key: string, type: number, length: number): GgufScalar[] {
  if (length > MAX_KEPT_ITEMS) {
    throw cursor.error(`must have up to ${MAX_KEPT_ITEMS} items of "${showName(key)}", got ${length}`);
  }
  const items: GgufScalar[] = [];
  while (items.length < length) items.push(readScalar(cursor, key, type));
  return items;
}

function readScalar(cursor: GgufCursor, key: string, type: number): GgufScalar {
  const [name, bytes, read] = valueType(cursor, key, type);
  if (name === 'string') return cursor.string(`the text of "${showName(key)}"`, MAX_STRING_BYTES);
  const value = read(cursor.view(bytes));
  if (name !== 'bool') return value;
  if (value === 0 || value === 1) return value === 1;
  throw cursor.error(`must have 0 or 1 for "${showName(key)}", got ${value}`);
}

function valueType(cursor: GgufCursor, key: string, type: number): ValueType {
  const found = VALUE_TYPES[type];
  if (found !== undefined) return found;
  throw cursor.error(`must have value types 0 to 12, got ${type} for "${showName(key)}"`);
}

/** Bytes that each tensor's data begins at a multiple of. */
export function readAlignment(cursor: GgufCursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPowerOf2 = typeof alignment === 'number' && Number.isInteger(Math.log2(alignment));
  if (isPowerOf2 && alignment >= 8 && alignment <= MAX_ALIGNMENT) return alignment;
  throw cursor.error(
    `must have general.alignment as a power of 2 from 8 to ${MAX_ALIGNMENT}, got ${showName(describe(alignment))}`,
  );
}

function describe(value: GgufValue): string {
  return typeof value === 'object' ? `a list of ${value.type}` : String(value);
}
