import { type BundleFile, ModelError } from '@flux-srpo/core';
import { type ByteSource, type Bytes, checkRange } from '@flux-srpo/formats';
import type { BundleSource } from './bundle-source.ts';
import type { ChunkCache, ChunkLoader, ChunkStore } from './chunk-cache.ts';
import type { ChunkChecks } from './chunk-checks.ts';

/**
 * Chunks that are fetched and hashed ahead of a reader that goes forward. Two digests at a time are
 * half again as fast as one, and the reader's own work comes between.
 */
const CHUNKS_AHEAD = 2;

/** A file of a bundle, every byte of which is checked before anyone sees it. */
export interface VerifiedSource extends ByteSource {
  /**
   * Shows `use` a range: a view of the checked chunk where the range lies within one. Nobody may
   * change it, and it holds until `use` returns.
   */
  lend(offset: number, length: number, use: (bytes: Bytes) => void, signal?: AbortSignal): Promise<void>;
}

/** A file whose chunks can be brought into the bundle's store before anyone reads them. */
export interface KeepableSource extends VerifiedSource {
  /** Brings a chunk into the store, where it is not there. */
  keep(index: number, signal?: AbortSignal, into?: ArrayBuffer): Promise<void>;
  /**
   * Brings all chunks into the store in one request, where the server has ignored ranges.
   *
   * @param onChunk hears of each
   * @returns whether it did
   */
  keepWhole(onChunk: (index: number) => void, signal?: AbortSignal): Promise<boolean>;
}

/** What the files of one bundle share. */
export interface ChunkReading {
  readonly chunkBytes: number;
  readonly cache: ChunkCache;
  readonly checks: ChunkChecks;
  /** Asked first. What it gives is checked too. */
  readonly store?: ChunkStore | undefined;
}

/** Reads fetch whole chunks, and a chunk whose hash is not the manifest's is an error. */
export function verifiedSource(raw: BundleSource, file: BundleFile, reading: ChunkReading): KeepableSource {
  const { chunkBytes, cache, checks, store } = reading;
  if (raw.size !== file.size) {
    throw new ModelError(
      `${file.path} must be ${file.size} bytes as the manifest says, got ${raw.size}; fetch it again`,
      { code: 'model/hash-mismatch', details: { path: file.path, expectedBytes: file.size, gotBytes: raw.size } },
    );
  }

  async function loadChunk(index: number, take: () => ArrayBuffer): Promise<Bytes> {
    // Small files would leave most of a chunk empty.
    const into = file.chunks.length > 1 ? take() : undefined;
    if (store === undefined) return fetchChunk(index, into);
    const expected = file.chunks[index]!;
    const kept = async () => {
      const bytes = await store.get(expected, lengthOf(index), into);
      return bytes !== undefined && (await checks.hash(bytes, expected)) === expected ? bytes : undefined;
    };
    // Another tab may fetch it now. Then it is there when that one is done.
    return (await kept()) ?? store.alone(expected, async () => (await kept()) ?? fetchChunk(index, into));
  }

  async function fetchChunk(index: number, into?: ArrayBuffer, signal?: AbortSignal): Promise<Bytes> {
    const offset = index * chunkBytes;
    for (let tries = 0; ; tries++) {
      const bytes = await raw.read(offset, lengthOf(index), signal, into);
      const got = await checks.hash(bytes, file.chunks[index]!);
      if (got === file.chunks[index]) {
        await store?.put(got, bytes);
        return bytes;
      }
      if (tries >= (raw.secondChances ?? 0)) throw changedChunk(index, got);
      raw.distrust?.();
    }
  }

  const lengthOf = (index: number): number => Math.min(chunkBytes, file.size - index * chunkBytes);

  function changedChunk(index: number, got: string): ModelError {
    const offset = index * chunkBytes;
    const expected = file.chunks[index]!;
    return new ModelError(`${file.path}: chunk ${index} must hash to ${expected}, got ${got}; fetch it again`, {
      code: 'model/hash-mismatch',
      details: { path: file.path, chunk: index, offset, expected, got },
    });
  }

  const chunk = (index: number): [string, ChunkLoader] => [`${file.path}#${index}`, (take) => loadChunk(index, take)];
  let latest = -2;

  /** Shows `use` each piece of a range that lies within one chunk, and where it is in the range. */
  async function eachPiece(
    offset: number,
    length: number,
    use: (piece: Bytes, at: number) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    signal?.throwIfAborted();
    checkRange(source, offset, length);
    for (let index = Math.floor(offset / chunkBytes); index * chunkBytes < offset + length; index++) {
      const start = index * chunkBytes;
      // Without the signal: another reader may wait for the same chunk.
      const using = cache.use(...chunk(index), (bytes) => {
        signal?.throwIfAborted();
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + bytes.length);
        use(bytes.subarray(from - start, to - start), from - offset);
      });
      if (index === latest + 1) {
        const last = Math.min(index + CHUNKS_AHEAD, file.chunks.length - 1);
        for (let ahead = index + 1; ahead <= last; ahead++) cache.prefetch(...chunk(ahead));
      }
      latest = index;
      await using;
    }
  }

  const source: KeepableSource = {
    size: file.size,
    name: file.path,
    async read(offset, length, signal, into) {
      signal?.throwIfAborted();
      checkRange(source, offset, length);
      const out = new Uint8Array(into ?? new ArrayBuffer(length), 0, length);
      await eachPiece(offset, length, (piece, at) => out.set(piece, at), signal);
      return out;
    },
    async lend(offset, length, use, signal) {
      const isWithin = length > 0 && offset % chunkBytes <= chunkBytes - length;
      if (isWithin) await eachPiece(offset, length, use, signal);
      else use(await source.read(offset, length, signal));
    },
    async keep(index, signal, into) {
      const sha256 = file.chunks[index]!;
      await store?.alone(sha256, async () => {
        signal?.throwIfAborted();
        if (!(await store.has(sha256))) await fetchChunk(index, into, signal);
      });
    },
    async keepWhole(onChunk, signal) {
      const pieces = raw.whole?.(signal);
      if (store === undefined || pieces === undefined) return false;
      let [index, filled] = [0, 0];
      let chunk = new Uint8Array(lengthOf(0));
      for await (let piece of pieces) {
        while (piece.length > 0) {
          const part = piece.subarray(0, chunk.length - filled);
          chunk.set(part, filled);
          filled += part.length;
          piece = piece.subarray(part.length);
          if (filled < chunk.length) break;
          const got = await checks.hash(chunk, file.chunks[index]!);
          if (got !== file.chunks[index]) throw changedChunk(index, got);
          if (!(await store.has(got))) await store.put(got, chunk);
          onChunk(index++);
          [chunk, filled] = [new Uint8Array(index < file.chunks.length ? lengthOf(index) : 0), 0];
        }
      }
      return true;
    },
    ...(raw.close === undefined ? {} : { close: raw.close.bind(raw) }),
  };
  return source;
}
