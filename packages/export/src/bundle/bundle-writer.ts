import { type BundleFile, CHUNK_BYTES } from '@flux-srpo/core';
import { type ByteSink, type ByteSource, createSha256, sha256Hex } from '@flux-srpo/formats';
import type { BundleSink } from './bundle-sink.ts';

/** Writes a bundle's files and lists them, with sizes and hashes, for the manifest. */
export class BundleWriter {
  readonly files: BundleFile[] = [];
  readonly #sink: BundleSink;
  /** Lent to the open file: a fresh 8 MiB each would cost more than writing a tiny model. */
  #spare: Uint8Array | undefined = new Uint8Array(CHUNK_BYTES);

  constructor(sink: BundleSink) {
    this.#sink = sink;
  }

  /** Opens a file that is hashed while it is written. It joins `files` once it is closed. */
  async create(path: string): Promise<ByteSink> {
    const file = await this.#sink.create(path);
    const whole = await createSha256();
    const chunks: string[] = [];
    const buffer = this.#spare ?? new Uint8Array(CHUNK_BYTES);
    this.#spare = undefined;
    let filled = 0;
    let size = 0;
    const flush = async (): Promise<void> => {
      const chunk = buffer.subarray(0, filled);
      // Web Crypto hashes in another thread while the chunk is written.
      const [hash] = await Promise.all([sha256Hex(chunk), file.write(chunk), whole.update(chunk)]);
      chunks.push(hash);
      filled = 0;
    };
    return {
      write: async (bytes) => {
        size += bytes.length;
        for (let at = 0; at < bytes.length; ) {
          const piece = bytes.subarray(at, at + CHUNK_BYTES - filled);
          buffer.set(piece, filled);
          filled += piece.length;
          at += piece.length;
          if (filled === CHUNK_BYTES) await flush();
        }
      },
      close: async () => {
        try {
          if (filled > 0) await flush();
        } finally {
          this.#spare = buffer;
          await file.close();
        }
        this.files.push({ path, size, sha256: whole.hex(), chunks });
      },
    };
  }

  /** Adds a file that an earlier run wrote. */
  adopt(file: BundleFile): void {
    this.files.push(file);
  }

  /** Writes a whole small file. */
  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.#fill(path, (file) => file.write(bytes));
  }

  /** Writes the bytes of `source`, a chunk at a time. */
  copy(path: string, source: ByteSource, signal?: AbortSignal): Promise<void> {
    return this.#fill(path, async (file) => {
      for (let at = 0; at < source.size; at += CHUNK_BYTES) {
        await file.write(await source.read(at, Math.min(CHUNK_BYTES, source.size - at), signal));
      }
    });
  }

  async #fill(path: string, fill: (file: ByteSink) => Promise<void>): Promise<void> {
    const file = await this.create(path);
    try {
      await fill(file);
    } finally {
      await file.close();
    }
  }
}
