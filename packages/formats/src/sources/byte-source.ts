import { FormatError, StorageError } from '@flux-srpo/core';

/** Bytes that are never on shared memory, so that every web API takes them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of known size that are read in ranges: a file, a `Blob`, a URL, memory. */
export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** For messages. */
  readonly name: string;
  /** Changes when the contents do: a time, an entity tag. Absent where there is none. */
  readonly version?: string;
  /** The address on a server, without its query, which may be secret. */
  readonly url?: string;
  /**
   * Exactly `length` bytes from `offset`, in a buffer that the caller owns. Rejects instead of
   * giving fewer.
   * @param into memory of `length` bytes or more that may be used instead of a new buffer
   */
  read(offset: number, length: number, signal?: AbortSignal, into?: ArrayBuffer): Promise<Bytes>;
  close?(): Promise<void>;
}

/** Throws for a range outside of a source. Every source calls it before it reads. */
export function checkRange(source: Pick<ByteSource, 'size' | 'name'>, offset: number, length: number): void {
  const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (isRange && offset + length <= source.size) return;
  throw new FormatError(
    `${source.name}: range must lie within ${source.size} bytes, got ${length} bytes at ${offset}; the file may be cut short`,
    { code: 'format/offset-out-of-range', details: { name: source.name, size: source.size, offset, length } },
  );
}

/** The error for a source that ended early, as a file does that was cut after opening. */
export function truncated(name: string, expected: number, got: number): FormatError {
  return new FormatError(`${name}: expected ${expected} bytes, got ${got}; the file is cut short or was changed`, {
    code: 'format/truncated',
    details: { name, expected, got },
  });
}

/** A source over bytes in memory. Reads give copies. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  const source: ByteSource = {
    size: bytes.byteLength,
    name,
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      // Not `bytes.slice`: a Node Buffer's gives a view of a shared pool.
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
  };
  return source;
}

/** A source over a `Blob` or `File`, picked by a user or in the origin's private storage. */
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

/** Browsers say the same of a picked file that changed or moved and of a failing disk. */
async function readBlob(blob: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (cause) {
    throw new StorageError(
      `${name}: the file was changed or moved since it was chosen, or cannot be read; choose it again`,
      { code: 'storage/unavailable', details: { name, reason: (cause as Error).name }, cause },
    );
  }
}
