import { type BundleFile, CHUNK_BYTES } from '@flux-srpo/core';
import { type ByteSink, type ByteSource, createSha256, sha256Hex } from '@flux-srpo/formats';

/** Where a bundle goes. Nothing is visible under its final name before `commit`. */
export interface BundleSink {
  /**
   * Opens a new file. One that an earlier run left at `path` is replaced. `path` has one or two
   * segments.
   */
  create(path: string): Promise<ByteSink>;
  /** Makes the bundle visible in one step, with these files and no others. */
  commit(paths: ReadonlySet<string>): Promise<void>;
  /** Removes everything written so far. */
  abort(): Promise<void>;
}

/** A sink that keeps its files when a conversion is interrupted. */
export interface ResumableSink extends BundleSink {
  readonly journal: JournalFile;
  /**
   * Throws `storage/quota-exceeded` where a bundle of so many bytes will not fit; what is already
   * there counts as part of it. Absent where the place cannot say.
   */
  reserve?(bytes: number): Promise<void>;
  /** A file that an earlier run left; undefined where it is gone. */
  reopen(path: string): Promise<ByteSource | undefined>;
  /** Removes every file but these. */
  retain(paths: ReadonlySet<string>): Promise<void>;
  /** Ends without a bundle and keeps everything for the next run. */
  suspend(): Promise<void>;
}

/** A text file beside the bundle's own, which never becomes part of it. */
export interface JournalFile {
  /** The whole text; empty where there is no file. */
  read(): Promise<string>;
  /** Replaces the whole text. A crash leaves the old text or the new one. */
  replace(text: string): Promise<void>;
  /**
   * Appends without waiting for the disk. A crash may lose a part of it, which costs the work on
   * one part of the bundle.
   */
  append(text: string): Promise<void>;
}

export function isResumable(sink: BundleSink): sink is ResumableSink {
  return 'journal' in sink;
}

/**
 * Writes a bundle's files and lists them for the manifest: sizes and hashes are taken as the bytes
 * pass.
 */
export class BundleWriter {
  readonly files: BundleFile[] = [];
  readonly #sink: BundleSink;
  /**
   * One buffer for all files, lent to the open one: a fresh 8 MiB buffer per file would cost more
   * than writing a tiny model.
   */
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
  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.create(path);
    try {
      await file.write(bytes);
    } finally {
      await file.close();
    }
  }
}
