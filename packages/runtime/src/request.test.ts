import { ACCELERATIONS, FLUX1_DEV, isFluxError, LIMITS, type Manifest } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type GenerateRequest, resolveRequest } from './request.ts';

/** What is read of a manifest. */
const MANIFEST = {
  config: FLUX1_DEV,
  sizes: { landscape_4_3: { width: 1024, height: 768 } },
  defaults: { size: 'landscape_4_3', num_inference_steps: 28, guidance_scale: 4.5 },
  tokenizers: { tokenizer_2: { max_length: 256 } },
} as unknown as Manifest;

const resolve = (fields: Partial<GenerateRequest>) => resolveRequest({ prompt: 'a red house', ...fields }, MANIFEST);

function refusal(fields: object): unknown {
  try {
    resolve(fields);
  } catch (error) {
    return isFluxError(error) ? [error.code, error.details.field] : error;
  }
  return 'accepted';
}

/** The engine's word for each limit of the contract. */
const WORDS = [
  ['steps', LIMITS.num_inference_steps],
  ['guidance', LIMITS.guidance_scale],
  ['seed', LIMITS.seed],
  ['n', LIMITS.n],
  ['maxSequenceLength', LIMITS.max_sequence_length],
] as const;

describe('resolveRequest', () => {
  it.each(WORDS)(
    'takes %s within the limits of the contract, both ends included, and nothing beyond',
    (word, [min, max]) => {
      expect(resolve({ [word]: min })[word]).toBe(min);
      expect(resolve({ [word]: max })[word]).toBe(max);
      for (const beyond of [min - 1, max + 1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(refusal({ [word]: beyond })).toEqual(['input/out-of-range', word]);
      }
      expect(refusal({ [word]: String(min) })).toEqual(['input/type', word]);
    },
  );

  it('has the limits that the endpoint promises', () => {
    expect(LIMITS).toMatchObject({
      n: [1, 10],
      num_inference_steps: [1, 1000],
      guidance_scale: [0, 100],
      max_sequence_length: [1, 512],
      seed: [0, 2 ** 53 - 1],
      side: [16, 4096],
    });
    expect(ACCELERATIONS).toEqual(['none', 'regular', 'high']);
  });

  it('fills in the defaults of the bundle, and draws a seed of 32 bits', () => {
    const { seed, ...rest } = resolve({});
    expect(rest).toEqual({
      prompt: 'a red house',
      size: { width: 1024, height: 768 },
      steps: 28,
      guidance: 4.5,
      n: 1,
      maxSequenceLength: 256,
      acceleration: 'none',
      enableSafetyChecker: false,
    });
    expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
  });

  it.each([
    [{ size: { width: 1000, height: 1000 } }, 'input/size-unsupported', 'size'],
    [{ size: { width: 64 } }, 'input/required', 'size.height'],
    [{ acceleration: 'fast' }, 'input/out-of-range', 'acceleration'],
    [{ prompt: undefined }, 'input/required', 'prompt'],
    [{ prompt: 7 }, 'input/type', 'prompt'],
    [{ colour: 'red' }, 'input/field-unsupported', 'colour'],
    [{ enableSafetyChecker: true }, 'model/safety-checker-missing', 'enable_safety_checker'],
  ])('refuses %j', (fields, code, field) => {
    expect(refusal(fields)).toEqual([code, field]);
  });
});
