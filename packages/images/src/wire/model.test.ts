import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type ModelFacts, toEngineRequest } from './model.ts';
import { parseRequest } from './parse-request.ts';
import type { CheckedRequest } from './request.ts';

const BODY: CheckedRequest = { model: 'some-model', prompt: 'a red house' };

const MODEL: ModelFacts = {
  model: 'some-model',
  sizes: {
    square_hd: { width: 1024, height: 1024 },
    square: { width: 512, height: 512 },
    portrait_4_3: { width: 768, height: 1024 },
    portrait_16_9: { width: 576, height: 1024 },
    landscape_4_3: { width: 1024, height: 768 },
    landscape_16_9: { width: 1024, height: 576 },
  },
  defaults: { size: 'landscape_4_3', num_inference_steps: 28, guidance_scale: 4.5 },
  hasSafetyChecker: false,
  hasStepCache: false,
  hasGuidance: true,
};

describe('toEngineRequest', () => {
  it('reads presets from the model and leaves other choices to the engine', () => {
    const engineRequest = toEngineRequest(parseRequest({ ...BODY, size: 'portrait_16_9' }).request, MODEL);
    // width 576, height 1024: swapped sides would show.
    expect(engineRequest).toEqual({ prompt: 'a red house', size: { width: 576, height: 1024 } });
  });

  it('hands every field on under the name of the engine', () => {
    const fields = { num_inference_steps: 4, guidance_scale: 3.5, seed: 7, n: 2, max_sequence_length: 64 } as const;
    const model = { ...MODEL, hasStepCache: true, hasSafetyChecker: true };
    const request: CheckedRequest = { ...BODY, ...fields, acceleration: 'high', enable_safety_checker: true };
    expect(toEngineRequest(request, model)).toEqual({
      prompt: 'a red house',
      size: { width: 1024, height: 768 },
      steps: 4,
      guidance: 3.5,
      seed: 7,
      n: 2,
      maxSequenceLength: 64,
      acceleration: 'high',
      enableSafetyChecker: true,
    });
  });

  it('takes the size of the default preset, of WIDTHxHEIGHT and of image_size', () => {
    const sizeOf = (fields: Partial<CheckedRequest>) => toEngineRequest({ ...BODY, ...fields }, MODEL).size;
    expect(sizeOf({})).toEqual({ width: 1024, height: 768 });
    expect(sizeOf({ size: '320x160' })).toEqual({ width: 320, height: 160 });
    expect(sizeOf({ image_size: { width: 48, height: 80 } })).toEqual({ width: 48, height: 80 });
  });

  it.each([
    ['another model than the loaded one', { model: 'gpt-image-2' }, 'model/not-found', 'model'],
    [
      'a safety check that the bundle cannot do',
      { enable_safety_checker: true },
      'model/safety-checker-missing',
      'enable_safety_checker',
    ],
    ['a step cache that the bundle lacks', { acceleration: 'high' }, 'input/field-unsupported', 'acceleration'],
  ] as const)('refuses %s', (_what, fields, code, field) => {
    const error = caught(() => toEngineRequest({ ...BODY, ...fields }, MODEL));
    expect(isFluxError(error) && [error.code, error.details.field]).toEqual([code, field]);
  });
});

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, got none');
}
