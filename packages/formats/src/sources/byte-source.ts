import { FormatError, StorageError } from '@flux-srpo/core';

/** Bytes of our own making: never on shared memory, so that every web API takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Something of known size that is read in ranges: a file, a `Blob`, a URL, memory. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** For messages. */
  readonly name: string;
  /** Differs once the contents do, as far as the place keeps track: times of change, an entity tag. Absent where it does not. */
  readonly version?: string;
  /** Where it came from, without what may be secret of it: no query. Absent for what came from no server. */
  readonly url?: string;
  /**
   * Exactly `length` bytes from `offset`, in a buffer the caller owns; rejects rather than giving fewer.
   *
   * @param into memory of `length` bytes or more that may be used instead of a new buffer
   */
  read(offset: number, length: number, signal?: AbortSignal, into?: ArrayBuffer): Promise<Bytes>;
  close?(): Promise<void>;
}

/** The one place where ranges are checked; every source calls it first. */
export function checkRange(source: Pick<ByteSource, 'size' | 'name'>, offset: number, length: number): void {
  const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (isRange && offset + length <= source.size) return;
  throw new FormatError(
    `${source.name}: range must lie within ${source.size} bytes, got ${length} bytes at ${offset}; the file may be cut short`,
    { code: 'format/offset-out-of-range', details: { name: source.name, size: source.size, offset, length } },
  );
}

/** The error for a source that ended early, for instance because the file changed after it was opened. */
export function truncated(name: string, expected: number, got: number): FormatError {
  return new FormatError(`${name}: expected ${expected} bytes, got ${got}; the file is cut short or was changed`, {
    code: 'format/truncated',
    details: { name, expected, got },
  });
}

/** A source over bytes in memory. Reads are copies. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  const source: ByteSource = {
    size: bytes.byteLength,
    name,
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      // Not `bytes.slice`, which for a Node Buffer is a view of a shared pool.
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
  };
  return source;
}

/** A source over a `Blob` or `File`: the picked file of an input element, or a file of the origin's private storage. */
export function blobSource(blob: Blob, name: string): ByteSource {
  const source: ByteSource = {
    size: blob.size,
    name,
    ...(blob instanceof File ? { version: `modified ${blob.lastModified}` } : {}),
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      const bytes = new Uint8Array(await readBlob(blob.slice(offset, offset + length), name));
      if (bytes.length !== length) throw truncated(name, length, bytes.length);
      return bytes;
    },
  };
  return source;
}

/** Browsers refuse to read a picked file that has changed since, or that was moved; they say the same of a disk that fails. */
async function readBlob(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (cause) {
    throw new StorageError(
      `${name}: the file was changed or moved since it was chosen, or cannot be read; choose it again`,
      {
        code: 'storage/unavailable',
        details: { name, reason: (cause as Error).name },
        cause,
      },
    );
  }
}
