import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { fileVerdictStore } from './file-verdict-store.ts';
import type { VerdictStore } from './self-test-verdict.ts';

/** Where every program of this user remembers what adapters are worth. */
export function nodeVerdictStore(): VerdictStore {
  return fileVerdictStore(join(cacheFolder(), 'verdicts.json'));
}
