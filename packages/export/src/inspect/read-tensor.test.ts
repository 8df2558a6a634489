import { type ByteSource, bytesSource } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { type RawTensor, rawSafetensors } from '../test-support/checkpoint-files.ts';
import { readTensor } from './read-tensor.ts';

/**
 * SRPO's own size as one file: 47.6 GB of float32. Made as it is read: number i of the data is i
 * mod 2^20.
 */
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

describe('a tensor of a file with hundreds of others', () => {
  const scalar = (value: number): RawTensor => ({ dtype: 'F32', shape: [], bytes: bytesOf(Float32Array.of(value)) });
  const text = (json: object): RawTensor => {
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    return { dtype: 'U8', shape: [bytes.length], bytes };
  };
  const layer = (name: string, format: string): [string, RawTensor][] => [
    [`${name}.weight`, { dtype: 'F8_E4M3', shape: [2], bytes: Uint8Array.of(0x38, 0xb8) }],
    [`${name}.weight_scale`, scalar(0.25)],
    [`${name}.comfy_quant`, text({ format })],
  ];

  async function counted(tensors: [string, RawTensor][]) {
    const source = bytesSource(await rawSafetensors(new Map(tensors)), 'scaled.safetensors');
    let reads = 0;
    const read: ByteSource['read'] = (...args) => {
      reads++;
      return source.read(...args);
    };
    return { file: { ...source, read }, reads: () => reads };
  }

  async function valuesOf(file: ByteSource, name: string): Promise<number[]> {
    const values: number[] = [];
    for await (const piece of (await readTensor(file, name)).pieces()) values.push(...piece);
    return values;
  }

  it('is scaled by its own scale, and no other layer is asked how it is stored', async () => {
    const others = Array.from({ length: 300 }, (_, i) => layer(`other.${i}`, 'nvfp4')).flat();
    const { file, reads } = await counted([...others, ...layer('own', 'float8_e4m3fn')]);
    // 0x38 is 1 in e4m3.
    expect(await valuesOf(file, 'own.weight')).toEqual([0.25, -0.25]);
    // First bytes, header's length, header, format, scale, weight.
    expect(reads()).toBe(6);
    await expect(valuesOf(file, 'other.7.weight')).rejects.toThrow('nvfp4');
  });

  it('may be integers, which come as the nearest float32', async () => {
    const ids: RawTensor = { dtype: 'I64', shape: [1, 2], bytes: bytesOf(BigInt64Array.of(0n, 76n)) };
    const { file } = await counted([['text_model.embeddings.position_ids', ids]]);
    expect(await valuesOf(file, 'text_model.embeddings.position_ids')).toEqual([0, 76]);
  });
});

function bytesOf({ buffer }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer);
}
