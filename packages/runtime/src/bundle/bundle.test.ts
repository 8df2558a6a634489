import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256Hex } from '@flux-srpo/formats';
import { encodeGraph } from '@flux-srpo/formats/onnx';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobBundle } from '../../../../test/support/blob-bundle.ts';
import { memoryBundle } from '../../../../test/support/memory-bundle.ts';
import { openBundle } from './bundle.ts';
import { type BundleFiles, httpBundle } from './bundle-files.ts';
import { folderBundle } from './folder-bundle.ts';

const graph = new Uint8Array(
  await readFile(new URL('../../../../models/tiny/bundle/graphs/double_block.onnx', import.meta.url)),
);
const values = Float32Array.from({ length: 3000 }, (_, i) => i);
const files = await memoryBundle({
  graphs: { block: graph },
  parts: {
    'block.0': {
      graph: 'block',
      tensors: [{ name: 'a.weight', dtype: 'F32', shape: [3000], bytes: new Uint8Array(values.buffer) }],
    },
    joined: { graph: 'block' },
  },
});

/** The same files with one changed or, with `undefined`, taken away. */
function without(path: string, replacement?: Blob): Map<string, Blob> {
  const changed = new Map(files);
  if (replacement === undefined) changed.delete(path);
  else changed.set(path, replacement);
  return changed;
}

const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-bundle-'));
const server = createServer(async (request, response) => {
  const blob = files.get(decodeURIComponent(request.url!.replace('/models/test/', '')));
  if (blob === undefined) return response.writeHead(404).end('not found');
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const [start, end] = range === null ? [0, blob.size] : [Number(range[1]), Math.min(Number(range[2]) + 1, blob.size)];
  const body = new Uint8Array(await blob.slice(start, end).arrayBuffer());
  if (range === null) return response.writeHead(200, { 'content-length': body.length }).end(body);
  const headers = { 'content-range': `bytes ${start}-${end - 1}/${blob.size}`, 'content-length': body.length };
  return response.writeHead(206, headers).end(body);
});

beforeAll(async () => {
  for (const [path, blob] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), new Uint8Array(await blob.arrayBuffer()));
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const address = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${path}`;

describe.each<[string, () => BundleFiles]>([
  ['blobs', () => blobBundle(files)],
  ['a folder', () => folderBundle(folder)],
  ['a server', () => httpBundle(address('models/test'))],
  ['a server, with a slash', () => httpBundle(address('models/test/?x#y'))],
])('a bundle from %s', (_, open) => {
  it('gives graphs, parts and tensors, and is known by its manifest’s hash', async () => {
    const bundle = await openBundle(open());
    expect(bundle.identity).toBe(await sha256Hex(new Uint8Array(await files.get('manifest.json')!.arrayBuffer())));
    expect(await bundle.graph('block')).toEqual(graph);
    expect(bundle.part('joined')).toEqual({ name: 'joined', graph: 'block' });
    const weights = await bundle.weights('block.0');
    expect(new Float32Array((await weights.read('a.weight')).buffer)).toEqual(values);
    expect(new TextDecoder().decode(await bundle.read('tokenizer/tokenizer.json'))).toBe('{}');
    await bundle.close();
  });
});

describe('a bundle', () => {
  it('is not found where there is no manifest', async () => {
    for (const nowhere of [
      blobBundle(new Map()),
      folderBundle(join(folder, 'none')),
      httpBundle(address('models/other')),
    ]) {
      await expect(openBundle(nowhere)).rejects.toMatchObject({ code: 'model/not-found' });
    }
  });

  it('names a listed file that is missing', async () => {
    const path = 'weights/block.0.safetensors';
    const bundle = await openBundle(blobBundle(without(path)));
    const missing = { code: 'model/file-missing', message: expect.stringContaining(path) };
    await expect(bundle.read(path)).rejects.toMatchObject(missing);
    await expect(bundle.weights('block.0')).rejects.toMatchObject(missing);
  });

  it('names what it does not list, though the file may be there', async () => {
    const bundle = await openBundle(blobBundle(without('extra', new Blob(['x']))));
    await expect(bundle.read('extra')).rejects.toMatchObject({ code: 'model/file-missing' });
    await expect(bundle.read('manifest.json')).rejects.toMatchObject({ code: 'model/file-missing' });
    await expect(bundle.graph('toString')).rejects.toMatchObject({ code: 'model/file-missing' });
    await expect(bundle.weights('joined')).rejects.toMatchObject({ code: 'model/file-missing' });
    expect(() => bundle.part('none')).toThrow('part "none" must be in the manifest');
  });

  it.each(['f32', 'f16'] as const)('gives nobody a graph in %s that does more than compute', async (precision) => {
    const loop = encodeGraph({
      name: 'loop',
      nodes: [{ op: 'Loop', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', dtype: 'float32', dims: [1] }],
      outputs: [{ name: 'y', dtype: 'float32', dims: [1] }],
    });
    const hostile = await memoryBundle({ graphs: { loop }, parts: { a: { graph: 'loop' } } });
    const bundle = await openBundle(blobBundle(hostile));
    await expect(bundle.graph('loop', precision)).rejects.toThrow('operators that this library knows, got Loop');
  });

  it('refuses a file that was changed, cut short or made longer', async () => {
    const path = 'graphs/block.onnx';
    const damaged = graph.slice();
    damaged[graph.length - 1]! ^= 128;
    for (const content of [damaged, graph.slice(0, -1), new Uint8Array([...graph, 0]), new Uint8Array()]) {
      const bundle = await openBundle(blobBundle(without(path, new Blob([content]))));
      await expect(bundle.graph('block')).rejects.toMatchObject({ code: 'model/hash-mismatch', details: { path } });
    }
  });

  it('reads a file again after it was repaired', async () => {
    const path = 'graphs/block.onnx';
    const changing = without(path);
    const bundle = await openBundle(blobBundle(changing));
    await expect(bundle.graph('block')).rejects.toMatchObject({ code: 'model/file-missing' });
    changing.set(path, files.get(path)!);
    expect(await bundle.graph('block')).toEqual(graph);
  });

  it.each([
    ['no JSON', new Blob(['<!doctype html>'])],
    ['no UTF-8', new Blob([new Uint8Array([0x7b, 0xff, 0x7d])])],
    ['larger than any manifest', new Blob([' '.repeat(4 * 1024 * 1024 + 1)])],
    ['empty', new Blob([])],
  ])('refuses a manifest that is %s', async (_, manifest) => {
    const opening = openBundle(blobBundle(without('manifest.json', manifest)));
    await expect(opening).rejects.toMatchObject({ code: 'model/manifest-invalid' });
  });
});

describe('the address of a bundle', () => {
  it.each(['', 'models/tiny', '/models/tiny', 'file:///x', 'javascript:alert(1)', 'data:,x', 'https://user:pw@host/x'])(
    'may not be %j',
    (url) => {
      expect(() => httpBundle(url)).toThrow('must be an absolute http(s) URL');
    },
  );
});
