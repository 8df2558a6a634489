import type { FluxError } from '@flux-srpo/core';
import { type BundleFiles, httpBundle } from '@flux-srpo/runtime/bundle';
import type { Home } from '../client/home.ts';
import type { LoadInput } from '../worker/protocol.ts';
import { openKeptBundle } from './kept-bundle.ts';
import type { KeptChunks } from './kept-chunks.ts';
import { shareModel } from './model-lock.ts';
import type { ModelAddress } from './model-source.ts';
import { openOpfsBundle } from './opfs/opfs-bundle.ts';
import { opfsModelId } from './opfs/opfs-models.ts';
import { pickedBundle } from './picked-bundle.ts';

/** Where a model's files come from. */
export interface OpenedModel {
  files: BundleFiles;
  /** Keeps fetched chunks; absent for an imported model, and where nothing is kept. */
  chunks?: KeptChunks;
  /** Whether its files are in this browser's storage already, or on this machine. */
  isImported: boolean;
  /** Why its files cannot be kept. Absent where that was not asked for. */
  refusal?: FluxError;
  /** Lets others change or remove the model. */
  release: () => void;
}

/**
 * What is kept need not be in the browser's HTTP cache too, which also answers one request for a
 * file at a time.
 */
const UNCACHED = { cache: 'no-store' } as const;

/**
 * Opens a picked folder where it is, an imported model from OPFS, any other from its server, and
 * locks what is stored of it against changes by others.
 *
 * @param openFiles is asked before those
 */
export async function openModel(
  { model: url, sha256, mirrors, folder, keep }: ModelAddress & Pick<LoadInput, 'keep'>,
  openFiles?: Home['openFiles'],
): Promise<OpenedModel> {
  const here = folder === undefined ? openFiles?.(url) : pickedBundle(url, folder);
  if (here !== undefined) return { files: here, isImported: true, release() {} };
  const id = opfsModelId(url);
  if (id === undefined) {
    const files = httpBundle(url, { ...(keep !== false && UNCACHED), mirrors });
    const kept = keep === false ? { files } : await openKeptBundle(url, files, sha256);
    return { ...kept, isImported: false, release: kept.chunks ? await shareModel(url) : () => undefined };
  }
  const release = await shareModel(url);
  try {
    return { files: await openOpfsBundle(id), isImported: true, release };
  } catch (error) {
    release();
    throw error;
  }
}
