import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fileVerdictStore } from './file-verdict-store.ts';
import type { SelfTestVerdict } from './self-test-verdict.ts';

const verdict = (rung: SelfTestVerdict['rung']): SelfTestVerdict => ({
  rung,
  precision: 'f16',
  errors: {},
  programs: [],
  steppedDown: [],
  remembered: false,
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-verdicts-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('gives another process what one has set, by key, and leaves no other file', async () => {
  const path = join(folder, 'new/verdicts.json');
  expect(await fileVerdictStore(path).get('a')).toBeUndefined();
  await fileVerdictStore(path).set('a', verdict('matrices'));
  await fileVerdictStore(path).set('b', verdict('no-subgroups'));
  expect(await fileVerdictStore(path).get('a')).toEqual(verdict('matrices'));
  expect(await fileVerdictStore(path).get('b')).toEqual(verdict('no-subgroups'));
  expect(await readdir(join(folder, 'new'))).toEqual(['verdicts.json']);
});

it.each(['{"a":', 'null', '[]', '"text"'])('takes a file that holds %s for an empty one', async (text) => {
  const path = join(folder, 'verdicts.json');
  await writeFile(path, text);
  const store = fileVerdictStore(path);
  expect(await store.get('a')).toBeUndefined();
  await store.set('a', verdict('subgroups'));
  expect(await store.get('a')).toEqual(verdict('subgroups'));
});

it('lets a disk be that cannot be written', async () => {
  await writeFile(join(folder, 'file'), '');
  const store = fileVerdictStore(join(folder, 'file/verdicts.json'));
  await store.set('a', verdict('subgroups'));
  expect(await store.get('a')).toBeUndefined();
});
