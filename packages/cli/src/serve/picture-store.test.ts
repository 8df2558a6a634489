import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FolderPictures } from './folder-pictures.ts';
import { MemoryPictures } from './memory-pictures.ts';
import type { PictureStore, PictureStoreOptions } from './picture-store.ts';

const idOf = (path: string) => path.slice('/images/'.length, -'.png'.length);
const png = (length: number) => new Uint8Array(length);

const folders: string[] = [];
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'flux-srpo-pictures-'));
  folders.push(folder);
  return folder;
}
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

const STORES: [string, (options?: PictureStoreOptions) => Promise<PictureStore>][] = [
  ['MemoryPictures', async (options) => new MemoryPictures(options)],
  ['FolderPictures', async (options) => FolderPictures.open(await newFolder(), options)],
];

describe.each(STORES)('%s', (_name, open) => {
  it('gives every picture an address of 128 random bits', async () => {
    const store = await open();
    const paths = await Promise.all(Array.from({ length: 100 }, () => store.add(png(1))));
    for (const path of paths) expect(path).toMatch(/^\/images\/[A-Za-z0-9_-]{22}\.png$/);
    expect(new Set(paths).size).toBe(100);
  });

  it('forgets a picture when its time is over, and gives its room back', async () => {
    let now = 1_000_000_000_000;
    const store = await open({ lifetimeMs: 100_000, now: () => now });
    const first = idOf(await store.add(png(10)));
    now += 60_000;
    const second = idOf(await store.add(png(20)));
    now += 39_000;
    expect(await store.get(first)).toHaveLength(10);
    now += 1000;
    expect(await store.get(first)).toBeUndefined();
    expect(await store.get(second)).toHaveLength(20);
    expect(await store.usage()).toEqual({ count: 1, bytes: 20 });
  });

  it('keeps no more than its count, the newest', async () => {
    let now = 1_000_000_000_000;
    const store = await open({ maxCount: 3, now: () => (now += 1000) });
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(idOf(await store.add(png(1))));
    const kept = await Promise.all(ids.map(async (id) => (await store.get(id)) !== undefined));
    expect(kept).toEqual([false, false, true, true, true]);
  });

  it('keeps no more than its bytes, but always the last picture', async () => {
    const store = await open({ maxBytes: 100 });
    const small = idOf(await store.add(png(60)));
    const large = idOf(await store.add(png(1000)));
    expect(await store.get(small)).toBeUndefined();
    expect(await store.get(large)).toHaveLength(1000);
    expect((await store.usage()).bytes).toBe(1000);
  });

  it.each(['__proto__', '', '.', '../picture', 'AAAAAAAAAAAAAAAAAAAAAA'])('knows no address like %j', async (id) => {
    expect(await (await open()).get(id)).toBeUndefined();
  });
});

describe('FolderPictures', () => {
  it('serves what another server has drawn into the folder', async () => {
    const folder = await newFolder();
    const [one, other] = [await FolderPictures.open(folder), await FolderPictures.open(folder)];
    const id = idOf(await one.add(Uint8Array.of(1, 2, 3)));
    expect(new Uint8Array((await other.get(id))!)).toEqual(Uint8Array.of(1, 2, 3));
    expect(await other.usage()).toEqual({ count: 1, bytes: 3 });
  });

  it('removes no file that is not its own', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'holiday.png'), png(1000));
    const store = await FolderPictures.open(folder, { maxCount: 1, maxBytes: 10 });
    await store.add(png(5));
    await store.add(png(5));
    expect((await readdir(folder)).sort()).toContain('holiday.png');
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('says at once that a folder cannot be made', async () => {
    const file = join(await newFolder(), 'file');
    await writeFile(file, '');
    await expect(FolderPictures.open(join(file, 'pictures'))).rejects.toMatchObject({
      code: 'storage/write-failed',
      message: expect.stringContaining('--images'),
    });
  });
});
