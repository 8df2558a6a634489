import { FormatError } from '@flux-srpo/core';
import { type Dtype, tensorBytes } from '../numbers/dtype.ts';
import { showName } from '../show-name.ts';
import { offsetError } from './header-errors.ts';
import { parseEntries } from './parse-entries.ts';

/** The reference implementation's limit. */
export const MAX_HEADER_BYTES = 100_000_000;

export interface TensorInfo {
  readonly dtype: Dtype;
  /** Outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

export interface SafetensorsHeader {
  /** The file's own `__metadata__`. */
  metadata: ReadonlyMap<string, string>;
  /** In the order of their data. */
  tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * Parses and validates the header of `name`.
 * @param bytes the header alone, without its length
 * @param dataStart where tensor data begins in the file
 * @param fileSize bytes of the whole file, which the last tensor must end at exactly
 */
export function parseHeader(bytes: Uint8Array, name: string, dataStart: number, fileSize: number): SafetensorsHeader {
  const { metadata, entries } = parseEntries(bytes, name);
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const tensors = new Map<string, TensorInfo>();
  let at = 0;
  for (const { name: tensor, dtype, shape, begin, end } of entries) {
    if (begin !== at) {
      const what = begin > at ? 'leave no hole' : 'not overlap';
      throw offsetError(name, `tensor "${showName(tensor)}" must ${what}: expected data at ${at}, got ${begin}`, {
        tensor,
      });
    }
    const expected = tensorBytes(dtype, shape);
    if (expected !== end - begin) {
      throw new FormatError(
        `${name}: tensor "${showName(tensor)}" of ${dtype} [${shape.join(', ')}] must take ${expected} bytes, got ${end - begin}; the file is damaged`,
        { code: 'format/shape-mismatch', details: { name, tensor, expected, got: end - begin } },
      );
    }
    tensors.set(tensor, { dtype, shape, offset: dataStart + begin, bytes: end - begin });
    at = end;
  }
  if (dataStart + at !== fileSize) {
    const code = dataStart + at > fileSize ? 'format/truncated' : 'format/offset-out-of-range';
    throw new FormatError(
      `${name}: the file must end with its last tensor: expected ${dataStart + at} bytes, got ${fileSize}; download it again`,
      { code, details: { name, expected: dataStart + at, got: fileSize } },
    );
  }
  return { metadata, tensors };
}
