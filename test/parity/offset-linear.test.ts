import { createNodeBackend } from '@flux-srpo/runtime/node';
import { expect, it } from 'vitest';
import { OFFSET_CLASSES, OFFSET_TOLERANCE, OFFSET_WIDTHS, offsetLinearError } from '../support/offset-linear.ts';

const CASES = OFFSET_CLASSES.flatMap((weightClass) => OFFSET_WIDTHS.map((width) => [weightClass, width] as const));

it.each(CASES)('a linear in %s of %i features gives what a loop gives', async (weightClass, width) => {
  const backend = await createNodeBackend({ threads: 1 });
  try {
    const error = await offsetLinearError(await backend.openStage('offsets'), weightClass, width);
    expect(error).toBeLessThan(OFFSET_TOLERANCE);
  } finally {
    await backend.dispose();
  }
});
