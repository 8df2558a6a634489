import type { VerdictStore } from './self-test-verdict.ts';

/** Remembers for as long as this thread lives. */
export function memoryVerdictStore(): VerdictStore {
  const verdicts = new Map<string, unknown>();
  return {
    get: async (key) => verdicts.get(key),
    set: async (key, verdict) => {
      verdicts.set(key, verdict);
    },
  };
}
