import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWebGpuBackend, halfGraphsOf } from '@flux-srpo/runtime';
import { type BundleFolder, openInMemory } from '../../support/bundle.ts';

/**
 * A folder in which this adapter's verdict on a bundle is known: asking its kernels takes a minute.
 */
export async function cacheWithVerdict(files: BundleFolder): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'flux-srpo-cache-'));
  const verdict = { rung: 'no-subgroups', precision: 'f16', errors: {}, programs: [], steppedDown: [] };
  await mkdir(join(cache, 'flux-srpo'));
  const store = {
    get: async (key: string) => {
      await writeFile(join(cache, 'flux-srpo/verdicts.json'), JSON.stringify({ [key]: verdict }));
      return verdict;
    },
    set: async () => undefined,
  };
  const halfGraphs = halfGraphsOf(await openInMemory(files));
  await (await createWebGpuBackend({ halfGraphs, selfTest: { store } })).dispose();
  return cache;
}
