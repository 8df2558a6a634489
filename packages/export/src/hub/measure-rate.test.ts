import { expect, it } from 'vitest';
import type { SourceFolder } from '../sources/source-folder.ts';
import { measureRate } from './measure-rate.ts';

const PATH = 'transformer/model.gguf';

/** A transformer of so many bytes, read no faster than `bytesAMs`. */
function served(size: number, bytesAMs: number, reads: number[] = []): SourceFolder {
  return {
    list: async () => [PATH],
    open: async () => ({
      name: PATH,
      size,
      async read(_offset, length) {
        reads.push(length);
        // Node cuts the fraction of a delay off and fires up to a millisecond early.
        await new Promise((resolve) => setTimeout(resolve, Math.ceil(length / bytesAMs) + 1));
        return new Uint8Array(length);
      },
    }),
    singleFiles: { transformer: PATH },
  };
}

it('reads 16 MiB at most to tell the rate', async () => {
  const reads: number[] = [];
  const rate = await measureRate(served(1e9, 50_000, reads));
  expect(reads.reduce((sum, length) => sum + length, 0)).toBe(16 * 2 ** 20);
  // How late a timer is is the machine's.
  expect(rate).toBeLessThanOrEqual(50e6);
  expect(rate).toBeGreaterThan(5e6);
});

it('stops after two seconds of a slow line', async () => {
  const reads: number[] = [];
  expect(await measureRate(served(1e9, 1000, reads))).toBeLessThanOrEqual(1e6);
  expect(reads.length).toBeLessThan(4);
});

it('knows none for a smaller file, or for a folder', async () => {
  expect(await measureRate(served(1e6, 1000))).toBeUndefined();
  expect(await measureRate({ ...served(1e9, 1000), singleFiles: {} })).toBeUndefined();
});
