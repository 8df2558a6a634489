import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { VerdictStore } from './self-test-verdict.ts';

/**
 * Remembers in a JSON file, for Node. What cannot be read counts as nothing, and what cannot be
 * written is asked again by the next process.
 */
export function fileVerdictStore(path: string): VerdictStore {
  const read = async (): Promise<Record<string, unknown>> => {
    try {
      return Object(JSON.parse(await readFile(path, 'utf8')));
    } catch {
      return {};
    }
  };
  return {
    get: async (key) => (await read())[key],
    set: async (key, value) => {
      const partial = `${path}.partial-${process.pid}`;
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(partial, JSON.stringify({ ...(await read()), [key]: value }));
        await rename(partial, path);
      } catch {
        // A disk that is full or read-only.
      }
    },
  };
}
