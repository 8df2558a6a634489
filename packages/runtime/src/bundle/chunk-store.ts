import type { Bundle } from './bundle.ts';

/** Chunks of bundles by their hash, on this machine. What it gives is checked before it is used. */
export interface ChunkStore {
  /** Hashes of all chunks that are kept. */
  keys(): Promise<Set<string>>;
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Keeps a chunk that was checked. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
}

/**
 * Fetches what the store lacks of a bundle that was opened with it, so that everything can be read without a network from then on.
 *
 * @param onProgress hears of bytes that are here, of all
 */
export async function keepAll(
  { manifest, source }: Bundle,
  store: ChunkStore,
  signal: AbortSignal,
  onProgress: (loaded: number, total: number, path: string) => void,
): Promise<void> {
  const kept = await store.keys();
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
  let loaded = 0;
  for (const { path, size, chunks } of manifest.files) {
    for (const [i, sha256] of chunks.entries()) {
      signal.throwIfAborted();
      const offset = i * manifest.chunk_bytes;
      const length = Math.min(manifest.chunk_bytes, size - offset);
      loaded += length;
      if (kept.has(sha256)) continue;
      // One byte brings, checks and keeps the chunk that it is in.
      await (await source(path)).read(offset, 1, signal);
      onProgress(loaded, total, path);
    }
  }
}
