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

/**
 * Chunks that are fetched in one request, and by one tab at a time. A request takes as much time of
 * the processor as fetching 3 MB does (SPEED.md), and a round trip.
 */
const CHUNKS_AT_ONCE = 4;

/** A file of a bundle, every byte of which is checked before anyone sees it. */
export interface VerifiedSource extends ByteSource {
  /**
   * Shows `use` a range: a view of the checked chunk where the range lies within one. Nobody may
   * change it, and it holds until `use` returns.
   */
  lend(offset: number, length: number, use: (bytes: Bytes) => void, signal?: AbortSignal): Promise<void>;
}

/** The first chunk of the group to which a chunk belongs. */
export const firstOfGroup = (index: number): number => index - (index % CHUNKS_AT_ONCE);

/** A file whose chunks can be brought into the bundle's store before anyone reads them. */
export interface KeepableSource extends VerifiedSource {
  /**
   * Brings chunks of one group into the store, where they are not there. Those that follow each
   * other take one request.
   *
   * @param end index behind the last chunk
   */
  keep(from: number, end: number, how: Keeping): Promise<void>;
  /**
   * Brings all chunks into the store in one request, where the server has ignored ranges. It goes
   * to the file's end, whatever `onChunk` says.
   *
   * @returns whether it did
   */
  keepWhole(how: Keeping): Promise<boolean>;
}

export interface Keeping {
  /** Hears of each chunk that is there now. Awaited; where it says false, no more are fetched. */
  onChunk: (index: number) => boolean | Promise<boolean>;
  signal?: AbortSignal | undefined;
  /** Memory of a chunk's size that may be used. */
  into?: ArrayBuffer | undefined;
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
    return (await kept()) ?? store.alone(lockOf(index), async () => (await kept()) ?? fetchChunk(index, into));
  }

  /** @param tries that have brought wrong bytes */
  async function fetchChunk(index: number, into?: ArrayBuffer, signal?: AbortSignal, tries = 0): Promise<Bytes> {
    const offset = index * chunkBytes;
    for (; ; tries++) {
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

  /**
   * Fetches chunks that the store lacks, in one request.
   *
   * @returns index of the first that was not fetched, and whether more are wanted
   */
  async function fetchRun(from: number, end: number, { onChunk, signal, into }: Keeping): Promise<[number, boolean]> {
    let [index, isWanted] = [from, true];
    if (raw.pull === undefined || end === from + 1) {
      await fetchChunk(index, into, signal);
      return [index + 1, await onChunk(index)];
    }
    const enough = new Error('enough');
    const take = chunkByChunk(from, into, async (chunk) => {
      const got = await checks.hash(chunk, file.chunks[index]!);
      if (got !== file.chunks[index]) throw enough;
      await store?.put(got, chunk);
      isWanted = await onChunk(index++);
      if (!isWanted && index < end) throw enough;
    });
    const offset = from * chunkBytes;
    const length = Math.min(end * chunkBytes, file.size) - offset;
    await raw.pull(offset, length, take, signal).catch((error: unknown) => {
      if (error !== enough) throw error;
    });
    if (!isWanted || index === end) return [index, isWanted];
    // Its bytes were wrong. Others may have the right ones, and only it is fetched again.
    raw.distrust?.();
    await fetchChunk(index, into, signal, 1);
    return [index + 1, await onChunk(index)];
  }

  /**
   * @param from the chunk that the first piece begins with
   * @param use is shown each chunk that is whole, and awaited
   * @returns what takes the pieces
   */
  function chunkByChunk(from: number, into: ArrayBuffer | undefined, use: (chunk: Bytes) => Promise<void>) {
    const memory = into ?? new ArrayBuffer(lengthOf(from));
    let [index, filled] = [from, 0];
    return async (piece: Uint8Array): Promise<void> => {
      for (let at = 0; at < piece.length; ) {
        const chunk = new Uint8Array(memory, 0, lengthOf(index));
        const part = piece.subarray(at, at + chunk.length - filled);
        chunk.set(part, filled);
        at += part.length;
        filled += part.length;
        if (filled < chunk.length) break;
        await use(chunk);
        [index, filled] = [index + 1, 0];
      }
    };
  }

  /** What names a chunk's group for those who fetch it. */
  const lockOf = (index: number): string => file.chunks[firstOfGroup(index)]!;
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
    async keep(from, end, how) {
      await store?.alone(lockOf(from), async () => {
        const isHere = (index: number): Promise<boolean> => store.has(file.chunks[index]!);
        for (let [index, isWanted] = [from, true]; index < end && isWanted; ) {
          how.signal?.throwIfAborted();
          let until = index;
          while (until < end && !(await isHere(until))) until++;
          if (until > index) [index, isWanted] = await fetchRun(index, until, how);
          else isWanted = await how.onChunk(index++);
        }
      });
    },
    async keepWhole({ onChunk, signal, into }) {
      const pieces = raw.whole?.(signal);
      if (store === undefined || pieces === undefined) return false;
      let index = 0;
      const take = chunkByChunk(0, into, async (chunk) => {
        const got = await checks.hash(chunk, file.chunks[index]!);
        if (got !== file.chunks[index]) throw changedChunk(index, got);
        if (!(await store.has(got))) await store.put(got, chunk);
        await onChunk(index++);
      });
      for await (const piece of pieces) await take(piece);
      return true;
    },
    ...(raw.close === undefined ? {} : { close: raw.close.bind(raw) }),
  };
  return source;
}
