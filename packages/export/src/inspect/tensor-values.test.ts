import type { ByteSource } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { readTensor } from './tensor-values.ts';

/** SRPO's own size as one file: 47.6 GB of float32. Made as it is read: number i of the data is i mod 2^20. */
const SHAPE = [11_901_408, 1000];
const BYTES = 4 * SHAPE[0]! * SHAPE[1]!;

interface CountedSource extends ByteSource {
  largest: number;
  total: number;
}

function hugeFile(): CountedSource {
  const tensors = {
    first: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    huge: { dtype: 'F32', shape: SHAPE, data_offsets: [8, 8 + BYTES] },
  };
  const json = new TextEncoder().encode(JSON.stringify(tensors));
  const header = new Uint8Array(8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true);
  header.set(json, 8);
  const source: CountedSource = {
    name: 'huge.safetensors',
    size: header.length + 8 + BYTES,
    largest: 0,
    total: 0,
    async read(offset, length) {
      source.largest = Math.max(source.largest, length);
      source.total += length;
      if (offset < header.length) return header.slice(offset, offset + length);
      const first = (offset - header.length - 8) / 4;
      const values = Float32Array.from({ length: length / 4 }, (_, i) => (first + i) % 2 ** 20);
      return new Uint8Array(values.buffer);
    },
  };
  return source;
}

describe('a tensor of 47.6 GB', () => {
  it('comes in pieces of at most 16 MiB, of which only those asked for are read', async () => {
    const source = hugeFile();
    const { shape, pieces } = await readTensor(source, 'huge');
    expect(shape).toEqual(SHAPE);
    let at = 0;
    let count = 0;
    for await (const piece of pieces()) {
      expect(piece.length).toBeLessThanOrEqual(4 * 1024 * 1024);
      expect([piece[0], piece.at(-1)]).toEqual([at % 2 ** 20, (at + piece.length - 1) % 2 ** 20]);
      at += piece.length;
      if (++count === 3) break;
    }
    expect(source.largest).toBeLessThanOrEqual(16 * 1024 * 1024);
    expect(source.total).toBeLessThanOrEqual(3 * 16 * 1024 * 1024 + 1024);
  });

  it('costs its neighbour nothing', async () => {
    const source = hugeFile();
    const { pieces } = await readTensor(source, 'first');
    for await (const piece of pieces()) expect(piece).toHaveLength(2);
    expect(source.total).toBeLessThan(1024);
  });
});
