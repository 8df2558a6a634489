import { formatBytes, type Progress } from '@flux-srpo/core';
import type { Bundle } from './bundle.ts';
import type { ChunkStore } from './chunk-cache.ts';

/**
 * Fetches every chunk that a bundle's store lacks: nothing needs a network from then on. Ends where
 * the store refuses.
 *
 * @param bundle opened with this store
 * @param onProgress hears of every chunk that was fetched, and once at the end; `loaded` counts
 *   what is here
 */
export async function keepAll(
  { manifest, source }: Bundle,
  store: ChunkStore,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  const kept = await store.keys();
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
  let loaded = 0;
  const tell = (part: string): void => {
    const text = `Fetching the model, ${formatBytes(loaded)} of ${formatBytes(total)}`;
    onProgress({ stage: 'load', loaded, total, part, fraction: loaded / total, text });
  };
  for (const { path, size, chunks } of manifest.files) {
    for (const [i, sha256] of chunks.entries()) {
      signal.throwIfAborted();
      if (store.refusal !== undefined) return;
      const offset = i * manifest.chunk_bytes;
      const length = Math.min(manifest.chunk_bytes, size - offset);
      loaded += length;
      if (kept.has(sha256)) continue;
      // One byte brings, checks and keeps the chunk that it is in.
      await (await source(path)).read(offset, 1, signal);
      if (loaded < total) tell(path);
    }
  }
  tell('manifest.json');
}
