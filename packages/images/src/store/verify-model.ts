import { formatBytes, type Manifest, manifestChunks } from '@flux-srpo/core';
import { type Bytes, sha256Hex } from '@flux-srpo/formats';
import { isKeptUrl } from './cache/cache-models.ts';
import { KeptChunks } from './cache/kept-chunks.ts';
import { shareModel } from './model-lock.ts';
import type { DamagedChunk, Verification } from './model-storage.ts';
import { findFile } from './opfs/opfs-files.ts';
import { openModelFolder, opfsUrl } from './opfs/opfs-models.ts';
import { parseStoredManifest, readStoredManifest } from './read-stored-manifest.ts';
import type { TransferProgress } from './transfer-progress.ts';

/** What is stored of one model, whichever way. */
interface StoredBytes {
  manifest: Manifest;
  /** A chunk as it is stored, whatever it is now. Undefined where there is none. */
  read(path: string, index: number): Promise<Bytes | undefined>;
  /** Takes a damaged chunk away, where the next fetch brings a right one. */
  drop?(sha256: string): Promise<void>;
}

/**
 * Compares every stored chunk of a model with its hash. Of a kept model, damaged chunks are taken
 * away, so that the next fetch or load brings those alone.
 */
export async function verifyModel(id: string, onProgress: (progress: TransferProgress) => void): Promise<Verification> {
  const isKept = isKeptUrl(id);
  const release = await shareModel(isKept ? id : opfsUrl(id));
  try {
    const { manifest, read, drop } = isKept ? await openKept(id) : await openImported(id);
    const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
    const damaged: DamagedChunk[] = [];
    let loaded = 0;
    for (const { path, index, sha256, offset, bytes } of manifestChunks(manifest)) {
      const found = await read(path, index);
      if (found === undefined || (await sha256Hex(found)) !== sha256) {
        damaged.push({ path, chunk: index, offset, bytes, problem: found === undefined ? 'missing' : 'changed' });
        if (found !== undefined) await drop?.(sha256);
      }
      loaded += bytes;
      const text = `Checking the model, ${formatBytes(loaded)} of ${formatBytes(total)}`;
      onProgress({ stage: 'load', loaded, total, part: path, fraction: loaded / total, text });
    }
    return { id, bytes: total, damaged, isRepairable: isKept };
  } finally {
    release();
  }
}

async function openKept(url: string): Promise<StoredBytes> {
  const store = new KeptChunks(url);
  const manifest = parseStoredManifest(await store.keptManifest());
  const hashes = new Map(manifest.files.map(({ path, chunks }) => [path, chunks]));
  return {
    manifest,
    read: (path, index) => store.get(hashes.get(path)![index]!),
    drop: (sha256) => store.drop(sha256),
  };
}

async function openImported(id: string): Promise<StoredBytes> {
  const folder = await openModelFolder(id);
  const manifest = await readStoredManifest(await findFile(folder, 'manifest.json'));
  return {
    manifest,
    async read(path, index) {
      const file = await findFile(folder, path);
      const start = index * manifest.chunk_bytes;
      if (file === undefined || file.size < start) return undefined;
      return new Uint8Array(await file.slice(start, start + manifest.chunk_bytes).arrayBuffer());
    },
  };
}
