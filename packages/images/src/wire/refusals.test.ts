import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { type ModelFacts, toEngineRequest } from './model.ts';
import { parseRequest } from './request.ts';

const BODY = { model: 'some-model', prompt: 'a red house' };

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
};

describe('parseRequest', () => {
  it('takes every field of the endpoint', () => {
    const body = {
      ...BODY,
      size: 'square',
      num_inference_steps: 4,
      guidance_scale: 3.5,
      acceleration: 'none',
      seed: 7,
      enable_safety_checker: false,
      n: 2,
      output_format: 'b64_json',
      max_sequence_length: 256,
    };
    expect(parseRequest(body).request).toEqual(body);
  });

  it('counts undefined as absent', () => {
    expect(parseRequest({ ...BODY, seed: undefined }).request).toEqual(BODY);
  });

  it.each([
    ['no object', null, 'input/type', 'a request must be an object, got null'],
    ['no prompt', { model: 'm' }, 'input/required', 'prompt is required'],
    ['no model', { prompt: 'p' }, 'input/required', 'model is required'],
    ['a prompt that is a number', { ...BODY, prompt: 7 }, 'input/type', 'prompt must be a string, got number'],
    ['an unknown field', { ...BODY, negative_prompt: 'dull' }, 'input/field-unsupported', 'negative_prompt'],
    ['steps 0', { ...BODY, num_inference_steps: 0 }, 'input/out-of-range', 'from 1 to 1000, got 0'],
    ['half a step', { ...BODY, num_inference_steps: 1.5 }, 'input/out-of-range', 'got 1.5'],
    ['steps as text', { ...BODY, num_inference_steps: '4' }, 'input/type', 'must be an integer, got string'],
    ['NaN guidance', { ...BODY, guidance_scale: Number.NaN }, 'input/out-of-range', 'from 0 to 100, got NaN'],
    ['a negative seed', { ...BODY, seed: -1 }, 'input/out-of-range', 'seed must be an integer from 0'],
    ['a seed past 2^53', { ...BODY, seed: 2 ** 53 }, 'input/out-of-range', 'got 9007199254740992'],
    ['no pictures', { ...BODY, n: 0 }, 'input/out-of-range', 'n must be an integer from 1 to 10, got 0'],
    ['a null seed', { ...BODY, seed: null }, 'input/type', 'seed must be an integer, got null'],
    ['a made-up preset', { ...BODY, size: 'huge' }, 'input/size-unsupported', 'got "huge"'],
    ['a size off the grid', { ...BODY, size: '1000x1000' }, 'input/size-unsupported', 'multiples of 16'],
    ['an image_size off the grid', { ...BODY, image_size: { width: 8, height: 16 } }, 'input/size-unsupported', '8x16'],
    ['half an image_size', { ...BODY, image_size: { width: 64 } }, 'input/required', 'height'],
    ['both sizes', { ...BODY, size: 'square', image_size: { width: 64, height: 64 } }, 'input/conflict', 'got both'],
    ['an encoding it cannot do', { ...BODY, output_format: 'webp' }, 'input/field-unsupported', 'webp'],
    ['a made-up acceleration', { ...BODY, acceleration: 'warp' }, 'input/out-of-range', 'got "warp"'],
  ])('refuses %s and says why', (_case, body, code, words) => {
    const error = caught(() => parseRequest(body));
    expect(isFluxError(error) && error.code).toBe(code);
    expect((error as Error).message).toContain(words);
  });
});

describe('toEngineRequest', () => {
  it('reads presets from the model and leaves other choices to the engine', () => {
    const engineRequest = toEngineRequest(parseRequest({ ...BODY, size: 'portrait_16_9' }).request, MODEL);
    // width 576, height 1024: swapped sides would show.
    expect(engineRequest).toEqual({ prompt: 'a red house', size: { width: 576, height: 1024 } });
  });

  it('takes the size of the default preset, of WIDTHxHEIGHT and of image_size', () => {
    const sizeOf = (fields: object) => toEngineRequest(parseRequest({ ...BODY, ...fields }).request, MODEL).size;
    expect(sizeOf({})).toEqual({ width: 1024, height: 768 });
    expect(sizeOf({ size: '320x160' })).toEqual({ width: 320, height: 160 });
    expect(sizeOf({ image_size: { width: 48, height: 80 } })).toEqual({ width: 48, height: 80 });
  });

  it('refuses a safety check that nobody would make', () => {
    const { request } = parseRequest({ ...BODY, enable_safety_checker: true });
    const error = caught(() => toEngineRequest(request, MODEL));
    expect(isFluxError(error, 'model/safety-checker-missing')).toBe(true);
  });

  it('refuses another model than the loaded one', () => {
    const error = caught(() => toEngineRequest({ ...BODY, model: 'gpt-image-2' }, MODEL));
    expect(isFluxError(error, 'model/not-found')).toBe(true);
    expect((error as Error).message).toBe('model must be "some-model", which is loaded, got "gpt-image-2"');
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
