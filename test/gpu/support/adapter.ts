import { type AdapterReport, probeAdapter } from '@flux-srpo/runtime';
import { installDawn } from '../../support/dawn.ts';

/**
 * The adapter that this tier tests. `missing` says why there is none. Software adapters of old
 * compile attention for a quarter of an hour, so only the one that `npm test` sets up is taken,
 * or any with `TEST_FULL=1`.
 */
export const { missing, adapter } = await findAdapter();

async function findAdapter(): Promise<{ missing?: string; adapter?: AdapterReport }> {
  const why = await installDawn();
  if (why !== undefined) return { missing: why };
  const report = await probeAdapter();
  const { features, description, architecture } = report;
  if (!features.includes('shader-f16')) return { missing: `no shader-f16: ${description}` };
  const isWanted = process.env.SOFTWARE_GPU_LANES !== undefined || process.env.TEST_FULL === '1';
  if (architecture === 'software' && !isWanted)
    return { missing: 'a software adapter of this machine; npm test sets a newer one up, TEST_FULL=1 takes this one' };
  return { adapter: report };
}
