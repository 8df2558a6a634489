import { expect, it } from 'vitest';
import { pickedBundle } from './picked-bundle.ts';
import { readPickedFolder } from './picked-folder.ts';

/** As an input element with `webkitdirectory` gives it. */
function picked(path: string): File {
  const file = new File([path], path.split('/').at(-1)!);
  return Object.defineProperty(file, 'webkitRelativePath', { value: path });
}

const files = ['home/srpo/weights/a.bin', 'home/srpo/manifest.json', 'home/srpo/old/x/manifest.json', 'home/other.txt'];

it('finds the bundle in the files of a picked folder, by its manifest', async () => {
  const found = readPickedFolder(files.map(picked), 'model');
  expect(found?.model).toBe('folder:srpo');
  expect([...(found!.folder as Map<string, File>).keys()]).toEqual([
    'weights/a.bin',
    'manifest.json',
    'old/x/manifest.json',
  ]);
  const bundle = pickedBundle('folder:srpo', found!.folder!);
  const manifest = await bundle.open('manifest.json');
  expect(new TextDecoder().decode(await manifest.read(0, manifest.size))).toBe('home/srpo/manifest.json');
  await expect(bundle.open('weights/b.bin')).rejects.toMatchObject({
    code: 'model/file-missing',
    message: 'weights/b.bin is missing in folder:srpo; choose the folder of the whole bundle',
  });
});

it('refuses files without a manifest, and leaves other values to the addresses', () => {
  expect(() => readPickedFolder([picked('a/b.bin')], 'model')).toThrowError(
    expect.objectContaining({ code: 'input/file-unsupported', details: { field: 'model' } }),
  );
  for (const value of [[null], ['a/manifest.json'], [{ name: 'manifest.json' }], new Set([7])]) {
    expect(() => readPickedFolder(value, 'model')).toThrowError(expect.objectContaining({ code: 'input/type' }));
  }
  for (const value of ['/models/tiny/', new URL('http://a/b/'), { url: '/models/tiny/' }, null, undefined]) {
    expect(readPickedFolder(value, 'model')).toBe(undefined);
  }
});
