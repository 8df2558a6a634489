import { type ManifestChunk, manifestChunks, parseManifest } from '@flux-srpo/core';
import type { SyncFile } from '../../packages/images/src/store/opfs/opfs-files.ts';
import { answerOnce } from '../support/worker.ts';

/**
 * `bare` throws away what it fetches. `least` does what storing takes and nothing else: it collects
 * each chunk, hashes it and writes it to a file.
 */
export type Kind = 'bare' | 'least';

export interface Input {
  bundle: string;
  kind: Kind;
}

/** Requests at once: as many as the library makes. */
const CONCURRENT = 4;
const FOLDER = 'least';

/** MB/s. */
answerOnce<Input, number>(async ({ bundle, kind }) => {
  const manifest = parseManifest(await (await fetch(`${bundle}manifest.json`)).text());
  const chunks = [...manifestChunks(manifest)];
  const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const next = chunks.values();
  const since = performance.now();
  const lanes = Array.from({ length: CONCURRENT }, async () => {
    const memory = new Uint8Array(manifest.chunk_bytes);
    for (const chunk of next) {
      const pieces = request(bundle, chunk);
      if (kind === 'bare') for await (const _ of pieces);
      else await store(folder, await collect(pieces, memory));
    }
  });
  await Promise.all(lanes);
  const rate = total / 1000 / (performance.now() - since);
  await root.removeEntry(FOLDER, { recursive: true });
  return rate;
});

async function* request(bundle: string, { path, offset, bytes }: ManifestChunk): AsyncGenerator<Uint8Array> {
  const headers = { range: `bytes=${offset}-${offset + bytes - 1}` };
  const response = await fetch(bundle + path, { headers, cache: 'no-store' });
  const reader = response.body!.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

async function collect(pieces: AsyncIterable<Uint8Array>, memory: Uint8Array<ArrayBuffer>) {
  let filled = 0;
  for await (const piece of pieces) {
    memory.set(piece, filled);
    filled += piece.length;
  }
  return memory.subarray(0, filled);
}

async function store(folder: FileSystemDirectoryHandle, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const name = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).join('-');
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  const access = await file.createSyncAccessHandle();
  access.write(bytes, { at: 0 });
  access.close();
}
