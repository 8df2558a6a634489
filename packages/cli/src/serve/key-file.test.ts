import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readKeyFile } from './key-file.ts';

const WEB = { name: 'web', key: 'sk-web-0123456789abcdef', concurrent: 1, perMinute: 3 };
const JOB = { name: 'job', key: 'sk-job-0123456789abcdef' };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flux-srpo-keys-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(json: unknown) {
  const path = join(folder, 'keys.json');
  await writeFile(path, JSON.stringify(json));
  return readKeyFile(path);
}

describe('readKeyFile', () => {
  it('takes keys with and without limits', async () => {
    expect(await read([WEB, JOB])).toEqual([WEB, JOB]);
  });

  it.each([
    ['no list', {}, /^keys must be a list/],
    ['no key', [], /^keys must/],
    ['a short key', [{ name: 'a', key: 'secret' }], /^keys\[0\]\.key must be of 16 characters or more/],
    ['an unknown field', [{ ...JOB, rate: 3 }], /rate/],
    ['a name that a log could not tell', [{ ...JOB, name: 'a b' }], /^keys\[0\]\.name must be of 1 to 40/],
    ['one name twice', [JOB, { ...WEB, name: 'job' }], /^each of the keys must have a name and a key of its own/],
    ['one key twice', [JOB, { ...WEB, key: JOB.key }], /^each of the keys/],
  ])('refuses %s, and shows no key', async (_, json, said) => {
    await expect(read(json)).rejects.toThrow(said);
    await expect(read(json)).rejects.not.toThrow(/secret|sk-/);
  });
});
