import type { Progress } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { blobBundle } from '../../../../test/support/blob-bundle.ts';
import { memoryBundle } from '../../../../test/support/memory-bundle.ts';
import { memoryStore } from '../test-support/memory-store.ts';
import { openBundle } from './bundle.ts';
import type { ChunkStore } from './chunk-cache.ts';
import { keepAll } from './keep-all.ts';

const files = await memoryBundle({
  graphs: { block: new Uint8Array(9_000).fill(1) },
  parts: {
    part: {
      graph: 'block',
      tensors: [
        { name: 'a.weight', dtype: 'U8', shape: [80_000], bytes: new Uint8Array(80_000).map((_, i) => (i >> 8) ^ i) },
      ],
    },
  },
});

async function keep(store: ChunkStore, signal = new AbortController().signal): Promise<Progress[]> {
  const events: Progress[] = [];
  const bundle = await openBundle(blobBundle(files), { store });
  await keepAll(bundle, store, { signal, onProgress: (progress) => events.push(progress) });
  return events;
}

describe('keeping a whole bundle', () => {
  it('keeps every chunk and tells a fraction that rises to 1', async () => {
    const { chunks, store } = memoryStore();
    const fractions = (await keep(store)).map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.indexOf(1)).toBe(fractions.length - 1);
    expect(fractions.length).toBeGreaterThan(5);
    // From here on nothing is asked of the place it came from.
    const manifest = new Map([['manifest.json', files.get('manifest.json')!]]);
    const empty = new Map([...files].map(([path, blob]) => [path, new Blob([new Uint8Array(blob.size)])]));
    const kept = await openBundle(blobBundle(new Map([...empty, ...manifest])), { store });
    for (const { path, size } of kept.manifest.files) expect(await kept.read(path)).toHaveLength(size);
    expect(chunks.size).toBeGreaterThan(5);
  });

  it('goes on where it was stopped, and says 1 at once if everything is here', async () => {
    const { chunks, store } = memoryStore();
    const controller = new AbortController();
    const put = store.put;
    store.put = async (...chunk) => {
      await put(...chunk);
      if (chunks.size === 3) controller.abort(new Error('stopped'));
    };
    await expect(keep(store, controller.signal)).rejects.toThrow('stopped');
    const had = chunks.size;
    expect((await keep(store))[0]!.fraction).toBeGreaterThan(0);
    expect(chunks.size).toBeGreaterThan(had);
    expect((await keep(store)).map(({ fraction, text }) => [fraction, text])).toEqual([
      [1, expect.stringMatching(/^Fetching the model, [\d.]+ KB of [\d.]+ KB$/)],
    ]);
  });

  it('tells every read of the place that the files are in', async () => {
    let reads = 0;
    const bundle = await openBundle(blobBundle(files), { onRead: () => reads++ });
    expect(reads).toBe(1);
    await bundle.read('graphs/block.onnx');
    expect(reads).toBe(4);
  });
});
