/** Chunks of bundles by their hash, on this machine. What it gives is checked before it is used. */
export interface ChunkStore {
  /** Hashes of all chunks that are kept. */
  keys(): Promise<Set<string>>;
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps a chunk that was checked. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
}
