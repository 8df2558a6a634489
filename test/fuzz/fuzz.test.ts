import { expect, it } from 'vitest';
import { explore } from './explore.ts';
import { TARGETS } from './targets/index.ts';

/** Of each reader. */
const INPUTS = process.env.TEST_FULL ? 200_000 : 500;

it.each(Object.entries(TARGETS))(
  '%s: every input is read or refused with an error of ours, within a second',
  {
    timeout: 3_600_000,
  },
  async (_name, target) => {
    const { inputs, kept, finding } = await explore(target, 20_261_128, (count) => count >= INPUTS);
    expect(
      finding && `${finding.error}\nbase64 of the input: ${Buffer.from(finding.bytes).toString('base64')}`,
    ).toBeUndefined();
    expect(inputs).toBeGreaterThanOrEqual(INPUTS);
    // Mutations that reach nothing new would prove nothing.
    expect(kept).toBeGreaterThan(0);
  },
);
