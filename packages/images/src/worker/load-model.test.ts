import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BundleFiles } from '@flux-srpo/runtime';
import { folderBundle } from '@flux-srpo/runtime/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadModel } from './load-model.ts';
import type { LoadInput } from './protocol.ts';

// Real files: the embedded model, damaged so that one step after the other fails.
const BUNDLE = fileURLToPath(new URL('../../../../models/tiny/bundle', import.meta.url));

const INPUT: LoadInput = { model: 'https://models.example/', backends: ['wasm'], keep: false };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-load-'));
  await cp(BUNDLE, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

/** The folder's files, and how many of them are open. */
function counted(): { files: BundleFiles; count: { opened: number; open: number } } {
  const { name, open } = folderBundle(folder);
  const count = { opened: 0, open: 0 };
  const files: BundleFiles = {
    name,
    async open(...args) {
      const source = await open(...args);
      count.opened++;
      count.open++;
      const close = async (): Promise<void> => {
        count.open--;
        await source.close?.();
      };
      return { ...source, close };
    },
  };
  return { files, count };
}

function load(input: Partial<LoadInput>, closed: string[] = []) {
  const { files, count } = counted();
  const controller = new AbortController();
  const options = { hooks: {}, signal: controller.signal, onProgress: () => undefined };
  const opened = { files, isImported: false, release: () => void closed.push('lock') };
  return { loading: loadModel(opened, { ...INPUT, ...input }, options), count };
}

it('holds its files while it is open, and closes them and then its lock', async () => {
  const closed: string[] = [];
  const { loading, count } = load({}, closed);
  const { model, close } = await loading;
  expect(model).toMatchObject({ backend: 'wasm', isKept: false });
  expect(count.open).toBeGreaterThan(0);
  expect(closed).toEqual([]);
  await close();
  expect(count.open).toBe(0);
  expect(closed).toEqual(['lock']);
});

it.each<[string, Partial<LoadInput>, string | undefined]>([
  ['no device', { backends: ['webgpu'] }, undefined],
  ['settings that the pipeline refuses', { memoryBudget: -1 }, undefined],
  ['a damaged tokenizer', {}, 'tokenizer/tokenizer.json'],
  ['a damaged graph', {}, 'graphs/clip_final.onnx'],
  ['a damaged manifest', {}, 'manifest.json'],
])('leaves nothing open after %s', async (_what, input, damaged) => {
  if (damaged !== undefined) await writeFile(join(folder, damaged), 'damaged');
  const closed: string[] = [];
  const { loading, count } = load(input, closed);
  await expect(loading).rejects.toMatchObject({ code: expect.any(String) });
  expect(count.opened).toBeGreaterThan(0);
  expect(count.open).toBe(0);
  expect(closed).toEqual(['lock']);
  if (damaged !== undefined) await cp(join(BUNDLE, damaged), join(folder, damaged));
});
