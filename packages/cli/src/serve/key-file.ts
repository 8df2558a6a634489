import { readFile } from 'node:fs/promises';
import { InputError, strict } from '@flux-srpo/core';
import type { Key } from './key-ring.ts';

const KEY: strict.Read<Key> = strict.object<Key>({
  name: strict.matching(/^[\w.-]{1,40}$/, 'of 1 to 40 letters, digits, ".", "_" or "-"'),
  key: strict.secret(strict.matching(/^\S{16,}$/, 'of 16 characters or more, without blanks')),
  concurrent: strict.optional(strict.integer(1, 10_000)),
  perMinute: strict.optional(strict.integer(1, 1_000_000)),
});
const LIST = strict.list(KEY, 1, 10_000);
const areDifferent = (texts: readonly string[]) => new Set(texts).size === texts.length;

/**
 * The keys in a file of JSON: a list of `{ name, key, concurrent?, perMinute? }`. @throws
 * InputError, which shows no key
 */
export async function readKeyFile(path: string): Promise<Key[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(`--keys must be a JSON file that can be read, got ${path}`, { code: 'input/type', cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser's own message shows a piece of the file.
    throw new InputError(`--keys must be a JSON file, got something else in ${path}`, { code: 'input/type' });
  }
  return readKeys(json);
}

function readKeys(json: unknown): Key[] {
  const keys = LIST(json, 'keys');
  if (areDifferent(keys.map(({ name }) => name)) && areDifferent(keys.map(({ key }) => key))) return keys;
  throw new InputError('each of the keys must have a name and a key of its own, got the same twice', {
    code: 'input/conflict',
  });
}
