import { afterAll, expect, it } from 'vitest';
import { Explorer } from './explorer.ts';
import { TARGETS } from './targets/index.ts';

/** Of each reader. */
const INPUTS = process.env.TEST_FULL ? 200_000 : 500;

const explorer = new Explorer();
afterAll(() => explorer.close());

it.each(Object.keys(TARGETS))(
  '%s: every input is read or refused with an error of ours, within a second; its seeds as they should',
  {
    timeout: 3_600_000,
  },
  async (target) => {
    const { inputs, kept, finding } = await explorer.explore({ target, seed: 20_261_128, inputs: INPUTS });
    expect(
      finding && `${finding.error}\nbase64 of the input: ${Buffer.from(finding.bytes).toString('base64')}`,
    ).toBeUndefined();
    expect(inputs).toBeGreaterThanOrEqual(INPUTS);
    // Mutations that reach nothing new would prove nothing.
    expect(kept).toBeGreaterThan(0);
  },
);
