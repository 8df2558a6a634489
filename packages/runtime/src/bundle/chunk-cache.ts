import type { Bytes } from '@flux-srpo/formats';

/** Makes a chunk; `take` gives memory of a whole chunk's size to put it in. */
export type ChunkLoader = (take: () => ArrayBuffer) => Promise<Bytes>;

interface Entry {
  readonly loading: Promise<Bytes>;
  /** Set once loaded, until its memory goes back. */
  bytes?: Bytes | undefined;
  /** Readers that wait for it or look at it. */
  readers: number;
  isEvicted: boolean;
}

/**
 * The last few chunks that were read and verified, of whatever file. Tensors rarely end where
 * chunks do, so the next read begins in the chunk where the last one ended. At most `capacity`
 * chunks are held, however many files are open, and the memory of one that has gone is used for the
 * next: clean memory costs as much time as reading does.
 */
export class ChunkCache {
  readonly #capacity: number;
  readonly #chunkBytes: number;
  /** In order of use, oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** All memory that was made here; that of others is not ours to write to. */
  readonly #made = new WeakSet<ArrayBuffer>();
  readonly #idle: ArrayBuffer[] = [];

  constructor(capacity: number, chunkBytes: number) {
    this.#capacity = capacity;
    this.#chunkBytes = chunkBytes;
  }

  /** Shows `use` the chunk of this key, loaded if it is not here. Then its memory may change. */
  async use<T>(key: string, load: ChunkLoader, use: (chunk: Bytes) => T): Promise<T> {
    const entry = this.#enter(key, load);
    entry.readers++;
    try {
      return use(await entry.loading);
    } finally {
      entry.readers--;
      this.#recycle(entry);
    }
  }

  /** Starts loading a chunk. If that fails, whoever uses it next is told. */
  prefetch(key: string, load: ChunkLoader): void {
    this.#enter(key, load);
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.#evict(key);
    this.#idle.length = 0;
  }

  /** The entry of this key, which is now the youngest. A failed load is forgotten. */
  #enter(key: string, load: ChunkLoader): Entry {
    const known = this.#entries.get(key);
    const entry = known ?? { loading: load(() => this.#take()), readers: 0, isEvicted: false };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (known === undefined) {
      entry.loading.then(
        (bytes) => {
          entry.bytes = bytes;
          this.#recycle(entry);
        },
        () => {
          if (this.#entries.get(key) === entry) this.#entries.delete(key);
        },
      );
    }
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#capacity && oldest !== undefined) this.#evict(oldest);
    return entry;
  }

  #evict(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.isEvicted = true;
    this.#recycle(entry);
  }

  /** Keeps the memory of a chunk that nobody holds any more. */
  #recycle(entry: Entry): void {
    const { bytes, isEvicted, readers } = entry;
    if (bytes === undefined || !isEvicted || readers > 0) return;
    entry.bytes = undefined;
    if (this.#made.has(bytes.buffer) && this.#idle.length < this.#capacity) this.#idle.push(bytes.buffer);
  }

  #take(): ArrayBuffer {
    const used = this.#idle.pop();
    if (used !== undefined) return used;
    const memory = new ArrayBuffer(this.#chunkBytes);
    this.#made.add(memory);
    return memory;
  }
}

/** Chunks of bundles by their hash, on this machine. What it gives is checked before it is used. */
export interface ChunkStore {
  /** Hashes of all chunks that are kept. */
  keys(): Promise<Set<string>>;
  /**
   * @param bytes of the chunk; fewer are given where what is kept is cut short
   * @param into memory of as many or more, which may be used
   */
  get(sha256: string, bytes: number, into?: ArrayBuffer): Promise<Bytes | undefined>;
  /** Whether the chunk is kept now, by whoever on this machine. Not read, not checked. */
  has(sha256: string): Promise<boolean>;
  /** Keeps a copy of a chunk that was checked. Where it cannot, it says so as `refusal`. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Runs `work`, which fetches this chunk, while nobody else on this machine does. */
  alone<T>(sha256: string, work: () => Promise<T>): Promise<T>;
  /** Why it keeps nothing more. */
  readonly refusal?: Error | undefined;
}
