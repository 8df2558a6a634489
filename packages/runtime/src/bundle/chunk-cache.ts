import type { Bytes } from '@flux-srpo/formats';

/**
 * The last few chunks that were read and verified, of whatever file. Tensors rarely end where
 * chunks do, so the next read begins in the chunk where the last one ended. At most `capacity`
 * chunks are held, however many files are open.
 */
export class ChunkCache {
  readonly #capacity: number;
  /** In order of use, oldest first. */
  readonly #chunks = new Map<string, Promise<Bytes>>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The chunk of this key, loaded if it is not here. A failed load is forgotten. */
  get(key: string, load: () => Promise<Bytes>): Promise<Bytes> {
    const chunk = this.#chunks.get(key) ?? load();
    this.#chunks.delete(key);
    this.#chunks.set(key, chunk);
    chunk.catch(() => {
      if (this.#chunks.get(key) === chunk) this.#chunks.delete(key);
    });
    const [oldest] = this.#chunks.keys();
    if (this.#chunks.size > this.#capacity && oldest !== undefined) this.#chunks.delete(oldest);
    return chunk;
  }

  clear(): void {
    this.#chunks.clear();
  }
}

/** Chunks of bundles by their hash, on this machine. What it gives is checked before it is used. */
export interface ChunkStore {
  /** Hashes of all chunks that are kept. */
  keys(): Promise<Set<string>>;
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps a chunk that was checked. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
}
