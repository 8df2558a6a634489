import { beforeEach, describe, expect, it } from 'vitest';
import { openDevice } from '../../packages/runtime/src/ort/device.ts';
import { createLedger } from '../../packages/runtime/src/ort/ledger.ts';
import { adapter, missing } from './support/adapter.ts';

describe('the device of the rung with matrices', () => {
  beforeEach(({ skip }) => skip(missing !== undefined, missing));

  // Oracle: the adapter. The runtime asks the device, and takes no kernel whose size is not listed.
  it('has the sizes that its adapter has', async ({ skip }) => {
    skip(adapter!.subgroupMatrices === undefined, 'this adapter has no subgroup matrices');
    const { device, destroy } = await openDevice({ label: 'test', ledger: createLedger(), rung: 'matrices' });
    const { subgroupMatrixConfigs } = device.adapterInfo as unknown as { subgroupMatrixConfigs: { M: number }[] };
    expect(subgroupMatrixConfigs.map(({ M }) => M)).toEqual(adapter!.subgroupMatrices!.map(Number.parseFloat));
    expect(device.adapterInfo.subgroupMinSize).toBe(adapter!.subgroupMinSize);
    destroy();
  });
});
