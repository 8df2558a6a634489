import { type BundleFile, CHUNK_BYTES } from '@flux-srpo/core';
import { type ByteSink, type ByteSource, createSha256, sha256Hex } from '@flux-srpo/formats';

/** Where a bundle goes. Nothing is visible under its final name before `commit`. */
export interface BundleSink {
  /** Opens a new file, in place of one that an earlier run left there; `path` has one or two segments. */
  create(path: string): Promise<ByteSink>;
  /** Makes the bundle visible, all at once: these files and no others. */
  commit(paths: ReadonlySet<string>): Promise<void>;
  /** Removes everything written so far. */
  abort(): Promise<void>;
}

/** A sink whose files outlive an interruption. */
export interface ResumableSink extends BundleSink {
  readonly journal: JournalFile;
  /** Refuses with `storage/quota-exceeded` where so many bytes, those already there included, will not fit. Absent where that cannot be asked. */
  reserve?(bytes: number): Promise<void>;
  /** A file that an earlier run left; undefined where there is none. */
  reopen(path: string): Promise<ByteSource | undefined>;
  /** Removes every file but these. */
  retain(paths: ReadonlySet<string>): Promise<void>;
  /** Ends without a bundle; everything stays for the next run. */
  suspend(): Promise<void>;
}

/** A text beside the bundle's files that no bundle includes. */
export interface JournalFile {
  /** All of it; empty where there is none. */
  read(): Promise<string>;
  /** All at once: a crash leaves the old text or the new. */
  replace(text: string): Promise<void>;
  /** A crash may leave a piece of it. A line lost with the machine's power costs its part's work and no more, so nothing waits for the disk. */
  append(text: string): Promise<void>;
}

export function isResumable(sink: BundleSink): sink is ResumableSink {
  return 'journal' in sink;
}

/** Writes a bundle's files and keeps the list that the manifest needs: sizes and hashes, taken as the bytes pass. */
export class BundleWriter {
  readonly files: BundleFile[] = [];
  readonly #sink: BundleSink;
  /** Lent to the open file: a hundred fresh 8 MiB buffers cost more than writing the tiny model. */
  #spare: Uint8Array | undefined = new Uint8Array(CHUNK_BYTES);

  constructor(sink: BundleSink) {
    this.#sink = sink;
  }

  /** Opens a file that is hashed while it is written; it counts once closed. */
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
      // Hashed by another thread while it is written.
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

  /** Counts a file that an earlier run wrote. */
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
