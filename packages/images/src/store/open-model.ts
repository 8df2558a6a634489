import { type BundleFiles, type ChunkStore, httpBundle } from '@flux-srpo/runtime';
import { openCacheBundle } from './cache/cache-bundle.ts';
import { shareModel } from './model-lock.ts';
import { openOpfsBundle } from './opfs/opfs-bundle.ts';
import { opfsModelId } from './opfs/opfs-models.ts';

/** Where a model's files come from. */
export interface OpenedModel {
  files: BundleFiles;
  /** Where fetched chunks are kept; absent for an imported model, and where nothing is kept. */
  chunks?: ChunkStore;
  /** Whether its files are in this browser's storage, now or as soon as they are fetched. */
  isStored: boolean;
  /** Lets others change or remove the model. */
  release: () => void;
}

/**
 * Opens an imported model from OPFS, any other from its server, and locks what is stored of it
 * against changes by others.
 *
 * @param keep whether a fetched model's files are kept in Cache storage
 */
export async function openModel(url: string, keep: boolean): Promise<OpenedModel> {
  const id = opfsModelId(url);
  if (id === undefined && !(keep && globalThis.caches !== undefined)) {
    return { files: httpBundle(url), isStored: false, release() {} };
  }
  const release = await shareModel(url);
  try {
    if (id !== undefined) return { files: await openOpfsBundle(id), isStored: true, release };
    const opened = await openCacheBundle(url, httpBundle(url));
    return { ...opened, isStored: opened.chunks !== undefined, release };
  } catch (error) {
    release();
    throw error;
  }
}
