import { bf16ToF32, f16ToF32, f32ToF16 } from '@flux-srpo/formats';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { blobBundle } from '../../../../test/support/blob-bundle.ts';
import { memoryBundle, TEST_CHUNK_BYTES, type TestTensor } from '../../../../test/support/memory-bundle.ts';
import { openBundle } from '../bundle/bundle.ts';

import type { SessionInput, Stage } from '../ort/backend.ts';
import { createNodeBackend } from '../ort/node.ts';
import { loadPart } from './weights.ts';

const backend = await createNodeBackend({ threads: 1 });
const stage = await backend.openStage('weights');
afterEach(() => expect(backend.ledger.snapshot()).toMatchObject({ tensors: 0, bytes: 0 }));
afterAll(() => backend.dispose());

const bytesOf = (data: Float32Array | Uint16Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const ramp = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => Math.sin(i) * 3);

/** Loads `tensors` as a part whose graph has a data input and these weight inputs. */
async function load(tensors: readonly TestTensor[] | undefined, inputs: readonly SessionInput[], into = stage) {
  const part = tensors === undefined ? { graph: 'block' } : { graph: 'block', tensors };
  const files = await memoryBundle({
    graphs: { block: new Uint8Array(4) },
    parts: { 'block.0': part },
    chunkBytes: 2 ** 20,
  });
  const hidden = { name: 'hidden', dtype: 'float32', dims: [1, 'S', 4] };
  return loadPart(into, await openBundle(blobBundle(files)), 'block.0', [hidden, ...inputs]);
}

const f32 = (name: string, dims: readonly (number | string)[]): SessionInput => ({ name, dtype: 'float32', dims });

describe('loadPart', () => {
  it('widens F16 and BF16 to what they say exactly, and keeps F32 and U8', async () => {
    const values = ramp(12);
    const halves = f32ToF16(values);
    const brains = f32ToBf16(values);
    const weights = await load(
      [
        { name: 'a.weight', dtype: 'F32', shape: [3, 4], bytes: bytesOf(values) },
        { name: 'b.weight', dtype: 'F16', shape: [12], bytes: bytesOf(halves) },
        { name: 'c.bias', dtype: 'BF16', shape: [4, 3], bytes: bytesOf(brains) },
        { name: 'd.weight', dtype: 'U8', shape: [5], bytes: new Uint8Array([1, 2, 3, 4, 255]) },
      ],
      [
        f32('a.weight', [3, 4]),
        f32('b.weight', [12]),
        f32('c.bias', [4, 3]),
        { name: 'd.weight', dtype: 'uint8', dims: [5] },
      ],
    );
    expect(await stage.read(weights.feeds['a.weight']!)).toEqual(values);
    expect(await stage.read(weights.feeds['b.weight']!)).toEqual(f16ToF32(halves));
    expect(await stage.read(weights.feeds['c.bias']!)).toEqual(bf16ToF32(brains));
    expect(weights.feeds['d.weight']).toMatchObject({ dtype: 'uint8', dims: [5], bytes: 5 });
    expect(weights.bytes).toBe(3 * 48 + 5);
    expect(backend.ledger.snapshot()).toMatchObject({ tensors: 4, weightBytes: weights.bytes });
    weights.dispose();
    weights.dispose();
  });

  it('gives a graph of half precision the halves on disk as they are, and rounds what is wider', async () => {
    const values = ramp(12);
    const halves = f32ToF16(values);
    const f16 = (name: string): SessionInput => ({ name, dtype: 'float16', dims: [12] });
    // A stage gives back floats only, so what goes in is noted.
    const written: Uint8Array[] = [];
    const noting: Stage = {
      ...stage,
      upload: (dtype, dims, fill) =>
        stage.upload(dtype, dims, (write) =>
          fill((at, bytes) => {
            written.push(bytes.slice());
            write(at, bytes);
          }),
        ),
    };
    const weights = await load(
      [
        { name: 'a.weight', dtype: 'F16', shape: [12], bytes: bytesOf(halves) },
        { name: 'b.bias', dtype: 'F32', shape: [12], bytes: bytesOf(values) },
        { name: 'c.bias', dtype: 'BF16', shape: [12], bytes: bytesOf(f32ToBf16(values)) },
      ],
      [f16('a.weight'), f16('b.bias'), f16('c.bias')],
      noting,
    );
    expect(written).toEqual([halves, halves, f32ToF16(bf16ToF32(f32ToBf16(values)))].map(bytesOf));
    expect(weights.feeds['b.bias']).toMatchObject({ dtype: 'float16', bytes: 24 });
    expect(weights.bytes).toBe(3 * 24);
    weights.dispose();
  });

  it('puts the pieces of a large tensor where they belong', async () => {
    const values = ramp(5 * 2 ** 20);
    const halves = f32ToF16(values);
    const weights = await load(
      [
        { name: 'a.weight', dtype: 'F32', shape: [values.length], bytes: bytesOf(values) },
        { name: 'b.weight', dtype: 'F16', shape: [values.length], bytes: bytesOf(halves) },
      ],
      [f32('a.weight', [values.length]), f32('b.weight', [values.length])],
    );
    // Compared as bytes: a comparison of 5 million elements one by one takes seconds.
    const same = (got: Float32Array, want: Float32Array) => Buffer.compare(bytesOf(got), bytesOf(want)) === 0;
    expect(same(await stage.read(weights.feeds['a.weight']!), values)).toBe(true);
    expect(same(await stage.read(weights.feeds['b.weight']!), f16ToF32(halves))).toBe(true);
    weights.dispose();
  });

  // Oracle: the file's own chunks, each asked for once.
  it('reads every chunk of the file once, whatever the order of the graph’s inputs', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `layer.${i}`);
    const tensors = names.flatMap((name): TestTensor[] => [
      { name: `${name}.weight`, dtype: 'U8', shape: [10_000], bytes: new Uint8Array(10_000).fill(7) },
      { name: `${name}.scales`, dtype: 'F16', shape: [1000], bytes: new Uint8Array(2000) },
      { name: `${name}.bias`, dtype: 'F32', shape: [1000], bytes: new Uint8Array(4000) },
    ]);
    const files = blobBundle(
      await memoryBundle({ graphs: { block: new Uint8Array(4) }, parts: { part: { graph: 'block', tensors } } }),
    );
    const read: number[] = [];
    const bundle = await openBundle({
      name: 'counted',
      open: async (path) => {
        const source = await files.open(path);
        if (!path.startsWith('weights/')) return source;
        return {
          ...source,
          read: (offset, length) => {
            read.push(offset);
            return source.read(offset, length);
          },
        };
      },
    });
    const inputs = tensors.map(({ name, dtype, shape }) => ({
      ...f32(name, shape),
      dtype: dtype === 'U8' ? 'uint8' : 'float32',
    }));
    (await loadPart(stage, bundle, 'part', inputs)).dispose();
    const { size } = await bundle.source('weights/part.safetensors');
    expect(read.sort((a, b) => a - b)).toEqual(
      Array.from({ length: Math.ceil(size / TEST_CHUNK_BYTES) }, (_, i) => i * TEST_CHUNK_BYTES),
    );
  });

  it('writes views of the verified chunks: only what lies across two of them is copied', async () => {
    const tensors: TestTensor[] = [
      { name: 'a.weight', dtype: 'U8', shape: [10], bytes: new Uint8Array(10).fill(3) },
      { name: 'b.weight', dtype: 'U8', shape: [20_000], bytes: Uint8Array.from({ length: 20_000 }, (_, i) => i % 251) },
    ];
    const files = await memoryBundle({
      graphs: { block: new Uint8Array(4) },
      parts: { part: { graph: 'block', tensors } },
    });
    const bundle = await openBundle(blobBundle(files));
    const inputs = tensors.map(({ name, shape }) => ({ name, dtype: 'uint8', dims: [...shape] }));
    const written: Uint8Array[] = [];
    const b = new Uint8Array(20_000);
    const noting: Stage = {
      ...stage,
      upload: (dtype, dims, fill) =>
        stage.upload(dtype, dims, (write) =>
          fill((at, piece) => {
            if (dims[0] === b.length) {
              written.push(piece);
              b.set(piece, at);
            }
            write(at, piece);
          }),
        ),
    };
    (await loadPart(noting, bundle, 'part', inputs)).dispose();
    expect(b).toEqual(tensors[1]!.bytes);
    const copied = written.filter(({ buffer, byteLength }) => buffer.byteLength === byteLength);
    // The tensor before it has 10 bytes, so it is aligned with no chunk.
    expect(copied.map(({ byteLength }) => byteLength)).toEqual(copied.map(() => 4));
    expect(copied.length).toBe(Math.floor(20_000 / TEST_CHUNK_BYTES));
    for (const { byteLength } of written.slice(0, -1)) expect(byteLength % 4).toBe(0);
  });

  it('has nothing to load for a part without weights', async () => {
    expect(await load(undefined, [])).toMatchObject({ feeds: {}, bytes: 0 });
  });

  const good: TestTensor = { name: 'a.weight', dtype: 'F32', shape: [2, 3], bytes: new Uint8Array(24) };
  it.each<[string, readonly TestTensor[] | undefined, readonly SessionInput[], string, string]>([
    ['a missing tensor', [good], [f32('a.weight', [2, 3]), f32('a.bias', [3])], 'format/tensor-missing', 'a.bias'],
    ['no weights at all', undefined, [f32('a.weight', [2, 3])], 'format/tensor-missing', 'a.weight'],
    ['a tensor too many', [good], [], 'format/tensor-unexpected', 'a.weight'],
    ['a transposed tensor', [good], [f32('a.weight', [3, 2])], 'format/shape-mismatch', '[3,2], got [2,3]'],
    ['another rank', [good], [f32('a.weight', [6])], 'format/shape-mismatch', '[6], got [2,3]'],
    [
      'floats for codes',
      [good],
      [{ name: 'a.weight', dtype: 'uint8', dims: [2, 3] }],
      'format/dtype-unsupported',
      'U8, got F32',
    ],
    [
      'codes for floats',
      [{ ...good, dtype: 'U8', bytes: new Uint8Array(6) }],
      [f32('a.weight', [2, 3])],
      'format/dtype-unsupported',
      'F32 or F16 or BF16, got U8',
    ],
    [
      'doubles',
      [{ ...good, dtype: 'F64', bytes: new Uint8Array(48) }],
      [f32('a.weight', [2, 3])],
      'format/dtype-unsupported',
      'got F64',
    ],
  ])('refuses %s and holds nothing', async (_, tensors, inputs, code, message) => {
    await expect(load(tensors, inputs)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('gives back what it had uploaded when a later tensor is damaged', async () => {
    const tensors = ['a.weight', 'b.weight'].map(
      (name): TestTensor => ({ name, dtype: 'F32', shape: [4096], bytes: bytesOf(ramp(4096)) }),
    );
    const files = await memoryBundle({ parts: { p: { tensors } } });
    const path = 'weights/p.safetensors';
    const bytes = new Uint8Array(await files.get(path)!.arrayBuffer());
    bytes[bytes.length - 1]! ^= 1;
    files.set(path, new Blob([bytes]));
    const bundle = await openBundle(blobBundle(files));
    const loading = loadPart(stage, bundle, 'p', [f32('a.weight', [4096]), f32('b.weight', [4096])]);
    await expect(loading).rejects.toMatchObject({ code: 'model/hash-mismatch' });
  });

  it('stops for an abort and holds nothing', async () => {
    const files = await memoryBundle({ parts: { p: { tensors: [good] } } });
    const reason = new Error('enough');
    const loading = loadPart(
      stage,
      await openBundle(blobBundle(files)),
      'p',
      [f32('a.weight', [2, 3])],
      AbortSignal.abort(reason),
    );
    await expect(loading).rejects.toBe(reason);
  });
});
