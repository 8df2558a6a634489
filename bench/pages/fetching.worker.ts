import { type Manifest, parseManifest } from '@flux-srpo/core';
import type { SyncFile } from '../../packages/images/src/store/opfs/opfs-files.ts';
import { answerOnce } from '../support/worker.ts';

/**
 * `plain` fetches one file after another and throws it away, as a page without a library would.
 * `bare` does it in as many requests as the library, and as many at once. `least` does what storing
 * takes and nothing else: it collects each chunk, hashes it and writes it to a file.
 */
export type Kind = 'plain' | 'bare' | 'least';

export interface Input {
  bundle: string;
  kind: Kind;
}

/** Requests at once, and chunks of a request: as many as the library's. */
const CONCURRENT = 4;
const CHUNKS_AT_ONCE = 4;
const FOLDER = 'least';

interface Range {
  path: string;
  offset: number;
  bytes: number;
}

/** MB/s. */
answerOnce<Input, number>(async ({ bundle, kind }) => {
  const manifest = parseManifest(await (await fetch(`${bundle}manifest.json`)).text());
  const { chunk_bytes: chunkBytes } = manifest;
  const total = manifest.files.reduce((sum, { size }) => sum + size, 0);
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(FOLDER, { create: true });
  const ranges = rangesOf(manifest, kind === 'plain' ? Number.POSITIVE_INFINITY : CHUNKS_AT_ONCE * chunkBytes);
  const since = performance.now();
  const lanes = Array.from({ length: kind === 'plain' ? 1 : CONCURRENT }, async () => {
    const memory = new Uint8Array(chunkBytes);
    for (const range of ranges) {
      const pieces = request(bundle, range);
      if (kind !== 'least') for await (const _ of pieces);
      else for await (const chunk of collect(pieces, memory, range.bytes)) await store(folder, chunk);
    }
  });
  await Promise.all(lanes);
  const rate = total / 1000 / (performance.now() - since);
  await root.removeEntry(FOLDER, { recursive: true });
  return rate;
});

function* rangesOf({ files }: Manifest, most: number): Generator<Range, void, undefined> {
  for (const { path, size } of files) {
    for (let offset = 0; offset < size; offset += most) yield { path, offset, bytes: Math.min(most, size - offset) };
  }
}

async function* request(bundle: string, { path, offset, bytes }: Range): AsyncGenerator<Uint8Array> {
  const headers = { range: `bytes=${offset}-${offset + bytes - 1}` };
  const response = await fetch(bundle + path, { headers, cache: 'no-store' });
  const reader = response.body!.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
}

/** Gives the bytes in chunks of the memory's size, which is used again. The last may be shorter. */
async function* collect(
  pieces: AsyncIterable<Uint8Array>,
  memory: Uint8Array<ArrayBuffer>,
  total: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let [filled, left] = [0, total];
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const length = Math.min(memory.length, left);
      const part = piece.subarray(at, at + length - filled);
      memory.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < length) break;
      yield memory.subarray(0, filled);
      [filled, left] = [0, left - filled];
    }
  }
}

async function store(folder: FileSystemDirectoryHandle, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const name = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).join('-');
  const file = (await folder.getFileHandle(name, { create: true })) as SyncFile;
  const access = await file.createSyncAccessHandle();
  access.write(bytes, { at: 0 });
  access.close();
}
