import { type FluxError, isFluxError } from '@flux-srpo/core';
import { type Bytes, bytesSource, sha256Hex } from '@flux-srpo/formats';
import { type BundleFiles, readManifest } from '@flux-srpo/runtime/bundle';
import { KeptChunks } from './kept-chunks.ts';
import { openModelsFolder } from './opfs/opfs-models.ts';

/**
 * The files of the bundle at `url`, and what keeps its chunks. The manifest comes from the network
 * where there is one, else the last one is used; if that is the one of `sha256`, nobody is asked.
 * Without `chunks`, and with the reason, where the browser keeps nothing, as in private windows.
 */
export async function openKeptBundle(
  url: string,
  files: BundleFiles,
  sha256?: string,
): Promise<{ files: BundleFiles; chunks?: KeptChunks; refusal?: FluxError }> {
  let chunks: KeptChunks;
  try {
    chunks = new KeptChunks(await openModelsFolder(), url);
  } catch (error) {
    if (isFluxError(error, 'storage/')) return { files, refusal: error };
    throw error;
  }
  const manifest = async (): Promise<Bytes> => {
    const last = await chunks.keptManifest();
    if (last !== undefined && (await sha256Hex(last)) === sha256) return last;
    try {
      return (await readManifest(files)).bytes;
    } catch (error) {
      if (last === undefined || !isFluxError(error, 'network/')) throw error;
      return last;
    }
  };
  return {
    chunks,
    files: {
      name: files.name,
      async open(path, size) {
        if (path !== 'manifest.json') return files.open(path, size);
        chunks.manifest = await manifest();
        return bytesSource(chunks.manifest, path);
      },
    },
  };
}
