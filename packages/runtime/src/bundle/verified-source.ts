import { type BundleFile, ModelError } from '@flux-srpo/core';
import { type ByteSource, type Bytes, checkRange, sha256Hex } from '@flux-srpo/formats';
import type { ChunkCache, ChunkStore } from './chunk-cache.ts';

/**
 * A file of a bundle whose every byte is checked before anyone sees it. Reads fetch whole chunks,
 * and a chunk whose hash is not the manifest's is an error.
 *
 * A range within one chunk is given as a view of it, without a copy: the chunk is shared with other
 * readers, so nobody may change it. It is never used again for other bytes, so views stay valid. A
 * range across chunks is a copy.
 * @param store is asked first, and its chunks are checked too
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
      { code: 'model/hash-mismatch', details: { path: file.path, expectedBytes: file.size, gotBytes: raw.size } },
    );
  }

  async function loadChunk(index: number): Promise<Bytes> {
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
    async read(offset, length, signal, into) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      let out: Bytes | undefined;
      for (let index = Math.floor(offset / chunkBytes); index * chunkBytes < offset + length; index++) {
        // Without the signal: another reader may wait for the same chunk.
        const loading = chunkAt(index);
        // A reader that goes forward will go on: the next chunk is fetched and hashed while this
        // one is used. If that fails, whoever reads the next chunk is told.
        if (index === latest + 1 && (index + 1) * chunkBytes < file.size) chunkAt(index + 1).catch(() => undefined);
        latest = index;
        const chunk = await loading;
        signal?.throwIfAborted();
        const from = Math.max(offset, index * chunkBytes);
        const to = Math.min(offset + length, index * chunkBytes + chunk.length);
        const view = chunk.subarray(from - index * chunkBytes, to - index * chunkBytes);
        if (view.length === length) return view;
        out ??= new Uint8Array(into ?? new ArrayBuffer(length), 0, length);
        out.set(view, from - offset);
      }
      return out ?? new Uint8Array();
    },
    ...(raw.close === undefined ? {} : { close: raw.close.bind(raw) }),
  };
  return source;
}
