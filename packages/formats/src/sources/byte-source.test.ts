import { appendFile, mkdtemp, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileSink, fileSource } from '../node.ts';
import { type ByteSource, blobSource, bytesSource } from './byte-source.ts';

/**
 * The resolution of a file's dates is milliseconds on some systems: one that is long past cannot be
 * this one.
 */
const OLD = new Date('2020-01-01');
const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'byte-source-'));
  await writeFile(join(folder, 'file.bin'), BYTES);
});
afterAll(() => rm(folder, { recursive: true }));

const KINDS: [string, () => ByteSource | Promise<ByteSource>][] = [
  ['bytesSource', () => bytesSource(BYTES, 'x')],
  ['blobSource', () => blobSource(new Blob([BYTES]), 'x')],
  ['fileSource', () => fileSource(join(folder, 'file.bin'))],
];

describe.each(KINDS)('%s', (_, make) => {
  it('reads ranges, the whole, and nothing', async () => {
    const source = await make();
    expect(source.size).toBe(1000);
    expect(await source.read(250, 3)).toEqual(BYTES.slice(250, 253));
    expect(await source.read(0, 1000)).toEqual(BYTES);
    expect(await source.read(1000, 0)).toHaveLength(0);
    await source.close?.();
  });

  it.each([
    [-1, 2],
    [0, -1],
    [999, 2],
    [1001, 0],
    [0.5, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [2 ** 53, 1],
  ])('refuses %d + %d bytes', async (offset, length) => {
    const source = await make();
    await expect(source.read(offset, length)).rejects.toMatchObject({ code: 'format/offset-out-of-range' });
    await source.close?.();
  });

  it('gives bytes the caller may change', async () => {
    const source = await make();
    (await source.read(0, 10)).fill(0);
    expect(await source.read(0, 10)).toEqual(BYTES.slice(0, 10));
    await source.close?.();
  });

  it('rejects with the reason of an aborted signal', async () => {
    const source = await make();
    const reason = new Error('enough');
    await expect(source.read(0, 1, AbortSignal.abort(reason))).rejects.toBe(reason);
    await source.close?.();
  });
});

describe('fileSource', () => {
  it.each<[string, (path: string) => Promise<void>]>([
    ['is cut', (path) => truncate(path, 500)],
    ['grows', (path) => appendFile(path, 'x')],
    ['is written anew with as many bytes', (path) => writeFile(path, BYTES.slice().reverse())],
    ['is written anew and given its old date', (path) => writeFile(path, BYTES).then(() => utimes(path, OLD, OLD))],
  ])('refuses to read on in a file that %s', async (_, change) => {
    const path = join(folder, 'changes.bin');
    await writeFile(path, BYTES);
    await utimes(path, OLD, OLD);
    const source = await fileSource(path);
    expect(await source.read(0, 100)).toEqual(BYTES.slice(0, 100));
    await change(path);
    await expect(source.read(400, 200)).rejects.toMatchObject({
      code: 'input/conflict',
      message: expect.stringMatching(
        /^changes\.bin must not change while it is read: expected 1000 bytes .*start again/,
      ),
    });
    await source.close?.();
  });

  it('refuses a missing file and a folder, without naming the path to it', async () => {
    await expect(fileSource(join(folder, 'none'))).rejects.toMatchObject({
      code: 'storage/unavailable',
      message: 'none: the file could not be read (ENOENT, no such file); check the path',
    });
    await expect(fileSource(folder)).rejects.toMatchObject({ code: 'storage/unavailable' });
  });
});

describe('fileSink', () => {
  it('writes pieces in order and never over a file', async () => {
    const path = join(folder, 'written.bin');
    const sink = await fileSink(path);
    await sink.write(BYTES.subarray(0, 300));
    await sink.write(BYTES.subarray(300));
    await sink.close();
    const source = await fileSource(path);
    expect(await source.read(0, source.size)).toEqual(BYTES);
    await source.close?.();
    await expect(fileSink(path)).rejects.toMatchObject({ code: 'storage/write-failed' });
  });
});

it('copies out of a Node Buffer too, whose slice would be a view', async () => {
  const buffer = Buffer.from(BYTES);
  const read = await bytesSource(buffer, 'x').read(10, 4);
  buffer.fill(0);
  expect([...read]).toEqual([10, 11, 12, 13]);
  expect(read.byteOffset).toBe(0);
});
