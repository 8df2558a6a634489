import { FormatError } from '@flux-srpo/core';
import { GGML_TYPES, type GgmlTypeName, ggmlTypeName } from '../ggml/types.ts';
import { showName } from '../show-name.ts';
import type { GgufCursor } from './gguf-cursor.ts';

/**
 * ggml allows 63 bytes, its builds for image models 127.
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/include/ggml.h `GGML_MAX_NAME`
 * @see https://github.com/leejet/stable-diffusion.cpp/blob/97d2990/CMakeLists.txt `GGML_MAX_NAME`
 */
const MAX_NAME_BYTES = 127;

/** @see https://github.com/ggml-org/ggml/blob/d99724f2/include/ggml.h `GGML_MAX_DIMS` */
const MAX_RANK = 4;

export interface GgufTensorInfo {
  readonly type: GgmlTypeName;
  /** Outermost first, as in torch; the file has them innermost first. Empty for a scalar. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

interface Entry {
  name: string;
  type: GgmlTypeName;
  shape: number[];
  /** From the start of the data. */
  begin: number;
  bytes: number;
}

/** The entries of `count` tensors in the order of their data, checked against the file's size. */
export function readTensors(
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
    if (names.has(name)) throw cursor.error(`must not repeat tensor "${showName(name)}"`);
    names.add(name);
    // ggml's files have data in entry order, without holes, so no two tensors share bytes.
    if (begin !== end) {
      throw new FormatError(
        `${cursor.name}: tensor "${showName(name)}" must have its data at ${end}, got ${begin}; the file is damaged`,
        {
          code: 'format/offset-out-of-range',
          details: { name: cursor.name, tensor: showName(name), expected: end, got: begin },
        },
      );
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
  if (rank > MAX_RANK)
    throw cursor.error(`must have up to ${MAX_RANK} dimensions, got ${rank} for "${showName(name)}"`);
  const innermostFirst = Array.from({ length: rank }, () => cursor.u64());
  const typeId = cursor.u32();
  const type = ggmlTypeName(typeId);
  if (type === undefined) {
    throw new FormatError(
      `${cursor.name}: tensor "${showName(name)}" must be of a ggml type that is known, got type ${typeId}; use another quantization of the file`,
      {
        code: 'format/dtype-unsupported',
        details: { name: cursor.name, tensor: showName(name), type: typeId },
      },
    );
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
      `${cursor.name}: rows of tensor "${showName(name)}" must be whole blocks of ${block.length} weights of ${type}, got ${row}`,
      { code: 'format/shape-mismatch', details: { name: cursor.name, tensor: showName(name), type, row } },
    );
  }
  let bytes: number = block.bytes / block.length;
  // In this order every product is a whole number.
  for (const dim of innermostFirst) {
    bytes *= dim ?? Number.POSITIVE_INFINITY;
    if (!Number.isSafeInteger(bytes)) throw tooLarge(cursor, name);
  }
  return bytes;
}

function tooLarge(cursor: GgufCursor, name: string): FormatError {
  return new FormatError(
    `${cursor.name}: size and offset of tensor "${showName(name)}" must be below 2^53; the file is damaged`,
    { code: 'format/offset-out-of-range', details: { name: cursor.name, tensor: showName(name) } },
  );
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
