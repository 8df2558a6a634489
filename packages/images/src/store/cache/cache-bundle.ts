import { isFluxError, StorageError } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import type { BundleFiles, ChunkStore } from '@flux-srpo/runtime';
import { CHUNKS, cacheName, MANIFEST } from './cache-models.ts';

/**
 * The files of the bundle at `url`, and the cache that keeps its chunks. The manifest comes from
 * the network where there is one, else the last one is used. Without `chunks` where the browser
 * keeps nothing, as in some private windows.
 */
export async function openCacheBundle(
  url: string,
  files: BundleFiles,
): Promise<{ files: BundleFiles; chunks?: ChunkStore }> {
  const name = cacheName(url);
  const isRefused = (await caches.has(name).catch(() => undefined)) === undefined;
  if (isRefused) return { files };
  // Opening creates a cache. So it is opened only to keep something, and a server that does not
  // answer leaves none.
  const read = async (key: string): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const response = await caches.match(key, { cacheName: name }).catch(() => undefined);
    return response && new Uint8Array(await response.arrayBuffer());
  };
  const write = async (key: string, bytes: Uint8Array): Promise<void> => {
    // With its length, so that a list need not read gigabytes to add them up.
    const headers = { 'content-length': String(bytes.length) };
    try {
      await (await caches.open(name)).put(key, new Response(bytes as Uint8Array<ArrayBuffer>, { headers }));
    } catch (cause) {
      throw cannotKeep(url, bytes.length, cause);
    }
  };
  return {
    chunks: {
      keys: async () =>
        new Set((await (await caches.open(name)).keys()).map(({ url: key }) => key.slice(CHUNKS.length))),
      get: (sha256) => read(CHUNKS + sha256),
      put: (sha256, bytes) => write(CHUNKS + sha256, bytes),
    },
    files: {
      name: files.name,
      async open(path, size) {
        if (path !== 'manifest.json') return files.open(path, size);
        try {
          const source = await files.open(path, size);
          const bytes = await source.read(0, source.size);
          await write(MANIFEST, bytes);
          return bytesSource(bytes, path);
        } catch (error) {
          const bytes = isFluxError(error, 'network/') ? await read(MANIFEST) : undefined;
          if (bytes === undefined) throw error;
          return bytesSource(bytes, path);
        }
      },
    },
  };
}

function cannotKeep(url: string, bytes: number, cause: unknown): StorageError {
  const isFull = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  return new StorageError(
    isFull
      ? 'this browser has no room left to keep the model; free some, or say keep: false to fetch it every time'
      : 'this browser could not keep the model; say keep: false to fetch it every time',
    { code: isFull ? 'storage/quota-exceeded' : 'storage/write-failed', details: { url, bytes }, cause },
  );
}
