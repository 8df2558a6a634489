import { isFluxError } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import { expect, it } from 'vitest';
import { memoryBundle, TEST_CHUNK_BYTES } from '../../../../test/support/memory-bundle.ts';
import { type Bundle, openBundle } from './bundle.ts';
import type { BundleFiles } from './bundle-files.ts';
import type { ChunkStore } from './chunk-cache.ts';

/**
 * Damage of a bundle at rest. Oracle: the bytes that were damaged. `npm run test:full` does it
 * 5,000 times, `npm test` 300 times.
 */
const TIMES = process.env.TEST_FULL ? 5_000 : 300;
const PAGE = 512;

let seed = 11;
/** The next of a fixed row of whole numbers from 0 to below `n`. */
const below = (n: number): number => {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return Math.floor((seed / 2 ** 32) * n);
};

const PATH = 'weights/part.safetensors';
const tensor = Uint8Array.from({ length: 10 * TEST_CHUNK_BYTES + 100 }, () => below(256));
const blobs = await memoryBundle({
  parts: { part: { tensors: [{ name: 'a', dtype: 'U8', shape: [tensor.length], bytes: tensor }] } },
});
const right = new Map<string, Uint8Array<ArrayBuffer>>();
for (const [path, blob] of blobs) right.set(path, new Uint8Array(await blob.arrayBuffer()));
const stored = new Map([...right].map(([path, bytes]) => [path, bytes.slice()]));
const files: BundleFiles = { name: 'stored', open: async (path) => bytesSource(stored.get(path)!, path) };
const whole = right.get(PATH)!;

/** Changes the weights as they are stored, each time in another way. @returns chunks that differ */
function damage(): number[] {
  const bytes = stored.get(PATH)!;
  const kind = below(3);
  const [a, b] = [below(bytes.length - PAGE), below(bytes.length - PAGE)];
  if (kind === 0) bytes[a]! ^= 1 << below(8);
  else if (kind === 1) bytes.fill(0, a, a + PAGE);
  else {
    const [one, other] = [bytes.slice(a, a + PAGE), bytes.slice(b, b + PAGE)];
    bytes.set(one, b);
    bytes.set(other, a);
  }
  const differs = new Set<number>();
  for (const [i, byte] of bytes.entries()) if (byte !== whole[i]) differs.add(Math.floor(i / TEST_CHUNK_BYTES));
  return [...differs];
}

function repair(): void {
  stored.get(PATH)!.set(whole);
}

/** Reads the weights chunk by chunk. @returns chunks that were refused; the others are right */
async function refused(bundle: Bundle): Promise<number[]> {
  const source = await bundle.source(PATH);
  const found: number[] = [];
  for (let at = 0; at < whole.length; at += TEST_CHUNK_BYTES) {
    const length = Math.min(TEST_CHUNK_BYTES, whole.length - at);
    try {
      expect(Buffer.compare(await source.read(at, length), whole.subarray(at, at + length))).toBe(0);
    } catch (error) {
      if (!isFluxError(error, 'model/hash-mismatch')) throw error;
      expect(error.details).toMatchObject({ path: PATH, chunk: at / TEST_CHUNK_BYTES });
      found.push(at / TEST_CHUNK_BYTES);
    }
  }
  return found;
}

it('is found in each chunk that it touched, and in no other, at the first read and at later ones', async () => {
  const again = await openBundle(files);
  // Compared by their hashes twice. From then on by a checksum.
  for (let i = 0; i < 3; i++) expect(await refused(again)).toEqual([]);
  for (let i = 0; i < TIMES; i++) {
    const damaged = damage();
    expect(await refused(i % 2 === 0 ? await openBundle(files) : again)).toEqual(damaged);
    repair();
  }
});

it('of a kept bundle is mended: the chunk is fetched again, alone', async () => {
  let reads: number[] = [];
  const server: BundleFiles = {
    name: 'server',
    async open(path) {
      const source = bytesSource(right.get(path)!, path);
      return {
        ...source,
        read(offset, length) {
          if (path === PATH) reads.push(offset / TEST_CHUNK_BYTES);
          return source.read(offset, length);
        },
      };
    },
  };
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  const { chunks } = (await openBundle(server)).manifest.files.find(({ path }) => path === PATH)!;
  for (const [i, sha256] of chunks.entries()) {
    kept.set(sha256, whole.slice(i * TEST_CHUNK_BYTES, (i + 1) * TEST_CHUNK_BYTES));
  }
  const store: ChunkStore = {
    keys: async () => new Set(kept.keys()),
    get: async (sha256) => kept.get(sha256)?.slice(),
    has: async (sha256) => kept.has(sha256),
    put: async (sha256, bytes) => void kept.set(sha256, bytes.slice()),
    alone: (_sha256, work) => work(),
  };
  for (let i = 0; i < TIMES / 10; i++) {
    reads = [];
    const chunk = below(chunks.length);
    const bytes = kept.get(chunks[chunk]!)!;
    bytes[below(bytes.length)]! ^= 1 << below(8);
    expect(await refused(await openBundle(server, { store }))).toEqual([]);
    expect(reads).toEqual([chunk]);
  }
});
