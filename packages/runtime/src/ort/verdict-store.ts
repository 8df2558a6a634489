import { createStore, get, set } from 'idb-keyval';
import { memoryVerdictStore } from './memory-verdict-store.ts';
import type { VerdictStore } from './self-test-verdict.ts';

/** In IndexedDB; where that refuses (private windows), for as long as this thread lives. */
export function defaultVerdictStore(): VerdictStore {
  const memory = memoryVerdictStore();
  if (typeof indexedDB === 'undefined') return memory;
  const database = createStore('flux-srpo', 'self-test');
  return {
    get: (key) => get<unknown>(key, database).catch(() => memory.get(key)),
    set: (key, verdict) => set(key, verdict, database).catch(() => memory.set(key, verdict)),
  };
}
