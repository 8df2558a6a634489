import { isFluxError } from '@flux-srpo/core';
import { type AdapterReport, probeAdapter } from '@flux-srpo/runtime';
import { installDawn } from '@flux-srpo/runtime/node';

/**
 * The adapter that this tier tests. `missing` says why there is none. A software adapter of this
 * machine may compile attention for a quarter of an hour, so it is taken with `TEST_FULL=1` alone,
 * but for the one that `scripts/lib/software-gpu.mjs` sets up.
 */
export const { missing, adapter } = await findAdapter();

/** The lanes of the software adapter that the scripts set up. Undefined on another adapter. */
const lanes = process.env.SOFTWARE_GPU_LANES === undefined ? undefined : Number(process.env.SOFTWARE_GPU_LANES);

/** Why a test that hardly depends on the number of lanes is not run again with this one. */
export const repeated =
  lanes === undefined || lanes === 8 || process.env.TEST_FULL === '1'
    ? undefined
    : 'npm test runs it with 8 lanes; npm run test:full with 4 and 16 too';

async function findAdapter(): Promise<{ missing?: string; adapter?: AdapterReport }> {
  try {
    await installDawn();
    const report = await probeAdapter();
    const { features, description, architecture } = report;
    if (!features.includes('shader-f16')) return { missing: `no shader-f16: ${description}` };
    const isWanted = process.env.SOFTWARE_GPU_LANES !== undefined || process.env.TEST_FULL === '1';
    if (architecture === 'software' && !isWanted)
      return { missing: `no GPU of its own, only ${description}; TEST_FULL=1 takes it` };
    return { adapter: report };
  } catch (error) {
    if (!isFluxError(error, 'device/')) throw error;
    return { missing: error.message };
  }
}
