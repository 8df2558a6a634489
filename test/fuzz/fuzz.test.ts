import { afterAll, expect, it, onTestFinished } from 'vitest';
import { Explorer } from './explorer.ts';
import { TARGETS } from './targets/index.ts';

/** Of each reader. */
const INPUTS = process.env.TEST_FULL ? 200_000 : 500;

const explorer = new Explorer();
afterAll(() => explorer.close());

it.each([
  ['hang', { hangMs: 5000 }, 'no end within 5000 ms', 'for ever'],
  ['memory', { hangMs: 600_000, heapMb: 256 }, 'heap out of memory', 'without end'],
  ['wrong', {}, 'seed 0 must be read', 'not read'],
])('a reader with the planted fault "%s" is found, and its input named', async (target, limits, error, input) => {
  const strict = new Explorer(limits);
  onTestFinished(() => strict.close());
  const { finding } = await strict.explore({ target, seed: 1, inputs: 1 });
  expect(finding?.error).toContain(error);
  expect(new TextDecoder().decode(finding?.bytes)).toBe(input);
});

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
