import { createNodeBackend } from '@flux-srpo/runtime/node';
import { expect, it } from 'vitest';
import { OFFSET_TOLERANCE, OFFSET_WIDTHS, offsetLinearError } from '../support/offset-linear.ts';

it.each(OFFSET_WIDTHS)(
  'a linear of %i features in 4-bit blocks with offsets gives what a loop gives',
  async (width) => {
    const backend = await createNodeBackend({ threads: 1 });
    try {
      const error = await offsetLinearError(await backend.openStage('offsets'), width);
      expect(error).toBeLessThan(OFFSET_TOLERANCE);
    } finally {
      await backend.dispose();
    }
  },
);
