import type { ChunkStore } from '../bundle/chunk-cache.ts';

/** A store of chunks in memory, for one reader. */
export function memoryStore() {
  const chunks = new Map<string, Uint8Array<ArrayBuffer>>();
  const store: ChunkStore = {
    keys: async () => new Set(chunks.keys()),
    get: async (sha256) => chunks.get(sha256),
    has: async (sha256) => chunks.has(sha256),
    put: async (sha256, bytes) => void chunks.set(sha256, bytes.slice()),
    alone: (_sha256, work) => work(),
  };
  return { chunks, store };
}
