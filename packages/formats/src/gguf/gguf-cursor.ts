import { FormatError } from '@flux-srpo/core';

/** Thrown where the bytes end before the header does. With more bytes, parsing may succeed. */
export class NeedMore extends Error {
  override name = 'NeedMore';
}

/** Reads little-endian fields in order. Every length is checked against the file's size. */
export class GgufCursor {
  readonly name: string;
  /** Bytes read so far. */
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fileSize: number;

  /** @param bytes the file's first bytes, cut anywhere */
  constructor(name: string, bytes: Uint8Array, fileSize: number) {
    this.name = name;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileSize = fileSize;
  }

  skip(length: number): void {
    if (this.at + length > this.#fileSize) throw this.#truncated(length);
    if (this.at + length > this.#bytes.length) throw new NeedMore();
    this.at += length;
  }

  bytes(length: number): Uint8Array {
    const start = this.at;
    this.skip(length);
    return this.#bytes.subarray(start, this.at);
  }

  view(length: number): DataView {
    const start = this.at;
    this.skip(length);
    return new DataView(this.#view.buffer, this.#view.byteOffset + start, length);
  }

  u32(): number {
    return this.view(4).getUint32(0, true);
  }

  /** Undefined from 2^53 on. */
  u64(): number | undefined {
    const value = Number(this.view(8).getBigUint64(0, true));
    return Number.isSafeInteger(value) ? value : undefined;
  }

  /** A 64-bit count, at most `max`. */
  count(what: string, max: number): number {
    const value = this.view(8).getBigUint64(0, true);
    if (value <= BigInt(max)) return Number(value);
    throw this.error(`must have up to ${max} ${what}, got ${value}`);
  }

  /** A 64-bit count of items of at least `itemBytes` bytes. They must fit in the file. */
  length(what: string, itemBytes: number): number {
    const value = this.view(8).getBigUint64(0, true);
    const room = Math.floor((this.#fileSize - this.at) / itemBytes);
    if (value <= BigInt(room)) return Number(value);
    throw this.error(`must have up to ${room} ${what}, as many as fit in the file, got ${value}`);
  }

  /** UTF-8 after its length; may be empty. */
  string(what: string, maxBytes: number): string {
    const bytes = this.bytes(this.count(`bytes in ${what}`, maxBytes));
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.error(`must have ${what} as UTF-8`);
    }
  }

  /** A {@link string} of at least one byte. */
  text(what: string, maxBytes: number): string {
    const text = this.string(what, maxBytes);
    if (text === '') throw this.error(`must have ${what} that is not empty`);
    return text;
  }

  error(rule: string): FormatError {
    return new FormatError(`${this.name}: the GGUF header ${rule} (at byte ${this.at})`, {
      code: 'format/header-invalid',
      details: { name: this.name, at: this.at },
    });
  }

  #truncated(length: number): FormatError {
    return new FormatError(
      `${this.name}: the GGUF header must go on for ${length} bytes at ${this.at}, but the file has ${this.#fileSize}; it is cut short`,
      { code: 'format/truncated', details: { name: this.name, expected: this.at + length, got: this.#fileSize } },
    );
  }
}
