import { isFluxError, StorageError } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import type { BundleFiles, ChunkStore } from '@flux-srpo/runtime';

/*
 * Bundles that were fetched, in the browser's Cache storage: one cache for each address, its chunks by their hash. Entries are put as a
 * whole or not at all, and the hash is checked at every read.
 */

const PREFIX = 'flux-srpo ';
/** Cache storage wants URLs; nothing is ever asked of this one. */
const KEY = 'https://chunks.invalid/';
const MANIFEST = `${KEY}manifest.json`;

export interface KeptBundle {
  chunks: ChunkStore;
  /** The same files, but where the network gives no manifest, the one it last gave. */
  files: BundleFiles;
}

/** What is kept of the bundle at `url`; `undefined` where the browser keeps nothing: no HTTPS, or a private window. */
export async function keptBundle(url: string, files: BundleFiles): Promise<KeptBundle | undefined> {
  const cache = await globalThis.caches?.open(PREFIX + url).catch(() => undefined);
  if (cache === undefined) return undefined;
  const read = async (key: string): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const response = await cache.match(key).catch(() => undefined);
    return response && new Uint8Array(await response.arrayBuffer());
  };
  const write = async (key: string, bytes: Uint8Array): Promise<void> => {
    await cache.put(key, new Response(bytes as Uint8Array<ArrayBuffer>)).catch((cause: unknown) => {
      throw refused(url, bytes.length, cause);
    });
  };
  return {
    chunks: {
      keys: async () => new Set((await cache.keys()).map(({ url: key }) => key.slice(KEY.length))),
      get: (sha256) => read(KEY + sha256),
      put: (sha256, bytes) => write(KEY + sha256, bytes),
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

/** Forgets what is kept of the bundle at `url`. */
export async function forgetBundle(url: string): Promise<void> {
  await globalThis.caches?.delete(PREFIX + url);
}

function refused(url: string, bytes: number, cause: unknown): StorageError {
  const isFull = cause instanceof DOMException && cause.name === 'QuotaExceededError';
  return new StorageError(
    isFull
      ? 'this browser has no room left to keep the model; free some, or say keep: false to fetch it every time'
      : 'this browser could not keep the model; say keep: false to fetch it every time',
    { code: isFull ? 'storage/quota-exceeded' : 'storage/write-failed', details: { url, bytes }, cause },
  );
}
