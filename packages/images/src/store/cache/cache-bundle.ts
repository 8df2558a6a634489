import { type FluxError, isFluxError } from '@flux-srpo/core';
import { bytesSource, sha256Hex } from '@flux-srpo/formats';
import type { BundleFiles } from '@flux-srpo/runtime';
import { cacheName } from './cache-models.ts';
import { nothingLasts } from './cache-room.ts';
import { KeptChunks } from './kept-chunks.ts';

/**
 * The files of the bundle at `url`, and what keeps its chunks. The manifest comes from the network
 * where there is one, else the last one is used; if that is the one of `sha256`, nobody is asked.
 * Without `chunks`, and with the reason, where the
 * browser keeps nothing, as in some private windows.
 */
export async function openCacheBundle(
  url: string,
  files: BundleFiles,
  sha256?: string,
): Promise<{ files: BundleFiles; chunks?: KeptChunks; refusal?: FluxError }> {
  const isRefused = (await caches.has(cacheName(url)).catch(() => undefined)) === undefined;
  if (isRefused) return { files, refusal: nothingLasts('this browser denies the page its storage') };
  const chunks = new KeptChunks(url);
  return {
    chunks,
    files: {
      name: files.name,
      async open(path, size) {
        if (path !== 'manifest.json') return files.open(path, size);
        const known = sha256 === undefined ? undefined : await chunks.keptManifest();
        if (known !== undefined && (await sha256Hex(known)) === sha256) return bytesSource(known, path);
        try {
          const source = await files.open(path, size);
          const bytes = await source.read(0, source.size);
          chunks.manifest = bytes;
          return bytesSource(bytes, path);
        } catch (error) {
          const bytes = isFluxError(error, 'network/') ? await chunks.keptManifest() : undefined;
          if (bytes === undefined) throw error;
          return bytesSource(bytes, path);
        }
      },
    },
  };
}
