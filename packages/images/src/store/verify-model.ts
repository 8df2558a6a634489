import { formatBytes, manifestChunks } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { shareModel } from './model-lock.ts';
import type { DamagedChunk, TransferProgress, Verification } from './model-storage.ts';
import { findFolder, findHandle, readFile } from './opfs/opfs-files.ts';
import {
  folderName,
  isKeptUrl,
  openModelFolder,
  openModelsFolder,
  parseStoredManifest,
  storedManifest,
  urlOf,
} from './opfs/opfs-models.ts';

/** One chunk is read while another is hashed. */
const LANES = 2;

/**
 * Compares every stored chunk of a model with its hash. Of a kept model, damaged chunks are taken
 * away, so that the next fetch or load brings those alone.
 */
export async function verifyModel(id: string, onProgress: (progress: TransferProgress) => void): Promise<Verification> {
  const isKept = isKeptUrl(id);
  const release = await shareModel(urlOf(id));
  try {
    const folder = isKept ? await findFolder(await openModelsFolder(), folderName(id)) : await openModelFolder(id);
    const manifest = parseStoredManifest(folder && (await storedManifest(folder, id)));
    const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
    const damaged: DamagedChunk[] = [];
    let loaded = 0;
    const chunks = manifestChunks(manifest);
    const lanes = Array.from({ length: LANES }, async () => {
      const memory = new ArrayBuffer(manifest.chunk_bytes);
      for (const { path, index, sha256, offset, bytes } of chunks) {
        const file = await findHandle(folder!, isKept ? sha256 : path);
        const found = file && (await readFile(file, isKept ? 0 : offset, bytes, memory));
        const isThere = found !== undefined && found.length > 0;
        if (!isThere || (await sha256Hex(found)) !== sha256) {
          damaged.push({ path, chunk: index, offset, bytes, problem: isThere ? 'changed' : 'missing' });
          if (isKept) await folder!.removeEntry(sha256).catch(() => undefined);
        }
        loaded += bytes;
        const text = `Checking the model, ${formatBytes(loaded)} of ${formatBytes(total)}`;
        onProgress({ stage: 'load', loaded, total, part: path, fraction: loaded / total, text });
      }
    });
    await Promise.all(lanes);
    return { id, bytes: total, damaged, isRepairable: isKept };
  } finally {
    release();
  }
}
