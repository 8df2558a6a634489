import { type BundleFile, ModelError } from '@flux-srpo/core';
import { type ByteSource, checkRange, sha256Hex } from '@flux-srpo/formats';
import type { ChunkCache } from './chunk-cache.ts';
import type { ChunkStore } from './chunk-store.ts';

/**
 * A file of a bundle whose every byte is checked before anyone sees it: reads fetch whole chunks, and a chunk that does not hash to what
 * the manifest says is an error, not data.
 *
 * @param store is asked first, and believed as little
 */
export function verifiedSource(
  raw: ByteSource,
  file: BundleFile,
  chunkBytes: number,
  cache: ChunkCache,
  store?: ChunkStore,
): ByteSource {
  if (raw.size !== file.size) {
    throw new ModelError(
      `${file.path} must be ${file.size} bytes as the manifest says, got ${raw.size}; fetch it again`,
      {
        code: 'model/hash-mismatch',
        details: { path: file.path, expectedBytes: file.size, gotBytes: raw.size },
      },
    );
  }

  async function loadChunk(index: number): Promise<Uint8Array> {
    const expected = file.chunks[index]!;
    const kept = await store?.get(expected);
    if (kept !== undefined && (await sha256Hex(kept)) === expected) return kept;
    const offset = index * chunkBytes;
    const bytes = await raw.read(offset, Math.min(chunkBytes, file.size - offset));
    const got = await sha256Hex(bytes);
    if (got === expected) {
      await store?.put(expected, bytes);
      return bytes;
    }
    throw new ModelError(`${file.path}: chunk ${index} must hash to ${expected}, got ${got}; fetch it again`, {
      code: 'model/hash-mismatch',
      details: { path: file.path, chunk: index, offset, expected, got },
    });
  }

  const chunkAt = (index: number) => cache.get(`${file.path}#${index}`, () => loadChunk(index));
  let latest = -2;

  const source: ByteSource = {
    size: file.size,
    name: file.path,
    async read(offset, length, signal) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      const out = new Uint8Array(length);
      for (let index = Math.floor(offset / chunkBytes); index * chunkBytes < offset + length; index++) {
        // Without the signal: another reader may wait for the same chunk.
        const loading = chunkAt(index);
        // Whoever goes forward goes on: the next chunk is fetched and hashed while this one is used. Its failure is told when it is read.
        if (index === latest + 1 && (index + 1) * chunkBytes < file.size) chunkAt(index + 1).catch(() => undefined);
        latest = index;
        const chunk = await loading;
        signal?.throwIfAborted();
        const from = Math.max(offset, index * chunkBytes);
        const to = Math.min(offset + length, index * chunkBytes + chunk.length);
        out.set(chunk.subarray(from - index * chunkBytes, to - index * chunkBytes), from - offset);
      }
      return out;
    },
    ...(raw.close === undefined ? {} : { close: raw.close.bind(raw) }),
  };
  return source;
}
