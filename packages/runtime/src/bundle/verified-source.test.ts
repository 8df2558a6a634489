import { type BundleFile, isFluxError } from '@flux-srpo/core';
import { type ByteSource, bytesSource, sha256Hex } from '@flux-srpo/formats';
import { describe, expect, it, vi } from 'vitest';
import { ChunkCache } from './chunk-cache.ts';
import { ChunkChecks } from './chunk-checks.ts';
import { verifiedSource } from './verified-source.ts';

const CHUNK = 100;
const bytes = Uint8Array.from({ length: 250 }, (_, i) => (i * 7) & 255);

async function describeFile(content: Uint8Array): Promise<BundleFile> {
  const chunks: string[] = [];
  for (let at = 0; at < content.length; at += CHUNK) chunks.push(await sha256Hex(content.subarray(at, at + CHUNK)));
  return { path: 'weights/a.safetensors', size: content.length, sha256: await sha256Hex(content), chunks };
}

const file = await describeFile(bytes);
const long = Uint8Array.from({ length: 600 }, (_, i) => (i * 11 + (i >> 8)) & 255);

/** A source over `content` that notes what is read of it. */
function watched(content: Uint8Array): ByteSource & { reads: [number, number][] } {
  const inner = bytesSource(content, 'raw');
  const reads: [number, number][] = [];
  return {
    ...inner,
    reads,
    async read(offset, length, signal, into) {
      reads.push([offset, length]);
      const bytes = await inner.read(offset, length, signal);
      if (into === undefined) return bytes;
      const out = new Uint8Array(into, 0, length);
      out.set(bytes);
      return out;
    },
  };
}

const open = (raw: ByteSource, capacity = 4, described = file) =>
  verifiedSource(raw, described, {
    chunkBytes: CHUNK,
    cache: new ChunkCache(capacity, CHUNK),
    checks: new ChunkChecks(),
  });

describe('a verified source', () => {
  it.each([
    [0, 250],
    [0, 1],
    [99, 2],
    [100, 100],
    [199, 51],
    [249, 1],
    [250, 0],
    [50, 0],
  ])('gives the bytes from %i, %i of them', async (offset, length) => {
    expect(await open(bytesSource(bytes, 'raw')).read(offset, length)).toEqual(bytes.slice(offset, offset + length));
  });

  it('reads whole chunks, two ahead of who goes forward, each once while it is among the last four', async () => {
    const raw = watched(long);
    const source = open(raw, 4, await describeFile(long));
    await source.read(0, 30);
    await source.read(100, 30);
    expect(raw.reads).toEqual([0, 100, 200, 300].map((at) => [at, 100]));
    for (let at = 0; at < 600; at += 30) await source.read(at, 30);
    expect(raw.reads).toEqual([0, 100, 200, 300, 400, 500].map((at) => [at, 100]));
    await source.read(0, 10);
    expect(raw.reads).toHaveLength(7);
  });

  it('lends a range within a chunk without a copy, and uses the chunk’s memory for later ones', async () => {
    const raw = watched(long);
    const source = open(raw, 4, await describeFile(long));
    const memory = new Set<ArrayBuffer>();
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 600; at += 50) {
        await source.lend(at, 50, (view) => {
          expect(view).toEqual(long.slice(at, at + 50));
          expect(view.byteOffset).toBe(at % 100);
          memory.add(view.buffer);
        });
      }
    }
    // Four are held and four may be idle.
    expect(memory.size).toBeLessThanOrEqual(8);
    await source.lend(90, 20, (across) => expect(across).toEqual(long.slice(90, 110)));
    const into = new ArrayBuffer(64);
    const copy = await source.read(90, 20, undefined, into);
    expect(copy.buffer).toBe(into);
  });

  it('shows readers of evicted chunks their own bytes, whatever is read meanwhile', async () => {
    const source = open(watched(long), 1, await describeFile(long));
    const reads = Array.from({ length: 60 }, (_, i) => (i * 370) % 600);
    const seen = await Promise.all(reads.map((at) => source.read(at, 30 - (at % 30))));
    for (const [i, at] of reads.entries()) expect(seen[i]).toEqual(long.slice(at, at + 30 - (at % 30)));
  });

  it('leaves what it gave as it was, whatever is read after it', async () => {
    const source = open(bytesSource(bytes, 'raw'), 1);
    const early = await source.read(20, 30);
    for (let at = 0; at < 250; at += 50) await source.read(at, 50);
    expect(early).toEqual(bytes.slice(20, 50));
  });

  it('finds a change at each read, the third and later ones too, which hash nothing that is the same', async () => {
    const content = bytes.slice();
    const digest = vi.spyOn(crypto.subtle, 'digest');
    const source = open(watched(content), 1);
    const visit = async () => {
      for (const at of [0, 100, 200]) await source.read(at, 10);
    };
    for (let round = 0; round < 3; round++) await visit();
    digest.mockClear();
    await visit();
    expect(digest).not.toHaveBeenCalled();
    content[150]! ^= 1;
    await expect(source.read(100, 10)).rejects.toMatchObject({ code: 'model/hash-mismatch', details: { chunk: 1 } });
    digest.mockRestore();
  });

  it('reads a chunk once for readers at the same time', async () => {
    const raw = watched(bytes);
    const source = open(raw);
    await Promise.all([source.read(10, 10), source.read(20, 10), source.read(30, 10)]);
    expect(raw.reads).toEqual([[0, 100]]);
  });

  it.each([0, 99, 100, 249])('refuses a bit flipped in byte %i, naming file and chunk, and only there', async (at) => {
    const damaged = bytes.slice();
    damaged[at]! ^= 1;
    const source = open(bytesSource(damaged, 'raw'));
    const chunk = Math.floor(at / CHUNK);
    await expect(source.read(at, 1)).rejects.toMatchObject({
      code: 'model/hash-mismatch',
      message: expect.stringContaining(`weights/a.safetensors: chunk ${chunk}`),
      details: { path: 'weights/a.safetensors', chunk },
    });
    const elsewhere = chunk === 0 ? 100 : 0;
    expect(await source.read(elsewhere, 10)).toEqual(bytes.slice(elsewhere, elsewhere + 10));
  });

  it('refuses swapped chunks, which the hash of another chunk would admit', async () => {
    const swapped = new Uint8Array([...bytes.subarray(100, 200), ...bytes.subarray(0, 100), ...bytes.subarray(200)]);
    await expect(open(bytesSource(swapped, 'raw')).read(0, 1)).rejects.toMatchObject({ code: 'model/hash-mismatch' });
  });

  it.each([249, 251, 0])('refuses a file of %i bytes where the manifest says 250', (size) => {
    expect(() => open(bytesSource(new Uint8Array(size), 'raw'))).toThrow('must be 250 bytes');
  });

  it('reads again after a failure: a second try may succeed', async () => {
    const raw = watched(bytes);
    let failures = 1;
    const flaky: ByteSource = {
      ...raw,
      read: (offset, length) => (failures-- > 0 ? Promise.reject(new Error('flaky')) : raw.read(offset, length)),
    };
    const source = open(flaky);
    await expect(source.read(0, 10)).rejects.toThrow('flaky');
    expect(await source.read(0, 10)).toEqual(bytes.slice(0, 10));
  });

  it('refuses ranges outside the file', async () => {
    const source = open(bytesSource(bytes, 'raw'));
    for (const [offset, length] of [
      [-1, 1],
      [0, 251],
      [250, 1],
      [0.5, 1],
      [Number.NaN, 1],
    ] as const) {
      const error = await source.read(offset, length).catch((reason: unknown) => reason);
      expect(isFluxError(error, 'format/offset-out-of-range')).toBe(true);
    }
  });

  it('stops for an abort, with the reason of the signal', async () => {
    const reason = new Error('enough');
    await expect(open(bytesSource(bytes, 'raw')).read(0, 10, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
