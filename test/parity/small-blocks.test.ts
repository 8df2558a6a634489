import { createNodeBackend } from '@flux-srpo/runtime/node';
import { expect, it } from 'vitest';
import { blockLinearError, SMALL_BLOCK_CASES, SMALL_BLOCK_TOLERANCE } from '../support/small-blocks.ts';

it.each(SMALL_BLOCK_CASES)(
  '$linear.bits-bit blocks of 16 with float32 scales multiply $rows rows as a loop does',
  async ({ linear, rows }) => {
    const backend = await createNodeBackend({ threads: 1 });
    try {
      const error = await blockLinearError(await backend.openStage('blocks of 16'), linear, rows);
      console.info(`${linear.bits} bits, ${rows} rows: ${error.toExponential(1)}`);
      expect(error).toBeLessThan(SMALL_BLOCK_TOLERANCE);
    } finally {
      await backend.dispose();
    }
  },
);
