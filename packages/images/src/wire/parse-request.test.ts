import { isFluxError } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { parseRequest } from './parse-request.ts';
import type { ImageRequest } from './request.ts';

const BODY = { model: 'some-model', prompt: 'a red house' };

/** As `JSON.parse` makes it: `__proto__` is a field like any other. */
const withProto = JSON.parse('{"model":"m","prompt":"p","__proto__":{"n":2}}') as unknown;

const unreadable = {
  ...BODY,
  get seed(): number {
    throw new Error('no');
  },
};

// The oracle is the endpoint's contract: each body breaks one rule of it, and the answer names the
// field that did.
const REFUSALS: [what: string, body: unknown, code: string, field: string | undefined, words: string][] = [
  ['null', null, 'input/type', undefined, 'a request must be an object, got null'],
  ['nothing', undefined, 'input/type', undefined, 'got nothing'],
  ['text', '{"model":"m"}', 'input/type', undefined, 'got "{'],
  ['a number', 7, 'input/type', undefined, 'got 7'],
  ['true', true, 'input/type', undefined, 'got true'],
  ['an array', [BODY], 'input/type', undefined, 'got a list of 1'],
  ['a function', () => BODY, 'input/type', undefined, 'got a function'],
  ['a symbol', Symbol('body'), 'input/type', undefined, 'got Symbol(body)'],
  ['a getter that throws', unreadable, 'input/type', undefined, 'cannot be read'],
  ['an empty object', {}, 'input/required', 'prompt', 'prompt is required'],
  ['no prompt', { model: 'm' }, 'input/required', 'prompt', 'prompt is required'],
  ['an undefined prompt', { ...BODY, prompt: undefined }, 'input/required', 'prompt', 'prompt is required'],
  ['inherited fields', Object.create(BODY), 'input/required', 'prompt', 'prompt is required'],
  ['a model that is a number', { ...BODY, model: 7 }, 'input/type', 'model', 'must be a string, got 7'],
  ['a prompt that is a number', { ...BODY, prompt: 7 }, 'input/type', 'prompt', 'must be a string, got 7'],
  ['a null prompt', { ...BODY, prompt: null }, 'input/type', 'prompt', 'got null'],
  ['a prompt in an array', { ...BODY, prompt: ['a'] }, 'input/type', 'prompt', 'got a list of 1'],
  ['a String object', { ...BODY, prompt: Object('a') }, 'input/type', 'prompt', 'got an object'],
  ['a prompt too long', { ...BODY, prompt: 'a'.repeat(32_001) }, 'input/prompt-too-long', 'prompt', 'got 32001'],
  ['half an emoji', { ...BODY, prompt: '\ud83d' }, 'input/out-of-range', 'prompt', 'well-formed Unicode'],
  ['its other half', { ...BODY, prompt: 'a\ude00b' }, 'input/out-of-range', 'prompt', 'well-formed Unicode'],
  ['an unknown field', { ...BODY, colour: 'red' }, 'input/field-unsupported', 'colour', 'field "colour" is not'],
  ['a field in other letters', { ...BODY, Seed: 1 }, 'input/field-unsupported', 'Seed', 'is not supported'],
  ['an empty field name', { ...BODY, '': 1 }, 'input/field-unsupported', '', 'is not supported'],
  ['a negative prompt', { ...BODY, negative_prompt: 'x' }, 'input/field-unsupported', 'negative_prompt', 'distilled'],
  ["fal's num_images", { ...BODY, num_images: 2 }, 'input/field-unsupported', 'num_images', 'say n'],
  ['a width', { ...BODY, width: 64 }, 'input/field-unsupported', 'width', 'say image_size'],
  ['an image to edit', { ...BODY, image: 'x' }, 'input/field-unsupported', 'image', 'from text alone'],
  ['__proto__', withProto, 'input/field-unsupported', '__proto__', 'is not supported'],
  ['constructor', { ...BODY, constructor: 1 }, 'input/field-unsupported', 'constructor', 'is not supported'],
  ['toString', { ...BODY, toString: 1 }, 'input/field-unsupported', 'toString', 'is not supported'],
  ['a huge field name', { ...BODY, ['x'.repeat(1e6)]: 1 }, 'input/field-unsupported', 'x'.repeat(40), 'is not'],
  [
    'steps 0',
    { ...BODY, num_inference_steps: 0 },
    'input/out-of-range',
    'num_inference_steps',
    'from 1 to 1000, got 0',
  ],
  ['negative steps', { ...BODY, num_inference_steps: -1 }, 'input/out-of-range', 'num_inference_steps', 'got -1'],
  ['half a step', { ...BODY, num_inference_steps: 1.5 }, 'input/out-of-range', 'num_inference_steps', 'got 1.5'],
  [
    'too many steps',
    { ...BODY, num_inference_steps: 1e9 },
    'input/out-of-range',
    'num_inference_steps',
    'got 1000000000',
  ],
  ['NaN steps', { ...BODY, num_inference_steps: Number.NaN }, 'input/out-of-range', 'num_inference_steps', 'got NaN'],
  ['steps as text', { ...BODY, num_inference_steps: '4' }, 'input/type', 'num_inference_steps', 'got "4"'],
  ['NaN guidance', { ...BODY, guidance_scale: Number.NaN }, 'input/out-of-range', 'guidance_scale', 'got NaN'],
  [
    'infinite guidance',
    { ...BODY, guidance_scale: Number.POSITIVE_INFINITY },
    'input/out-of-range',
    'guidance_scale',
    'got Infinity',
  ],
  ['negative guidance', { ...BODY, guidance_scale: -0.5 }, 'input/out-of-range', 'guidance_scale', 'got -0.5'],
  ['guidance as text', { ...BODY, guidance_scale: '4.5' }, 'input/type', 'guidance_scale', 'got "4.5"'],
  ['a negative seed', { ...BODY, seed: -1 }, 'input/out-of-range', 'seed', 'seed must be an integer from 0'],
  ['a seed past 2^53', { ...BODY, seed: 2 ** 53 }, 'input/out-of-range', 'seed', 'got 9007199254740992'],
  ['a BigInt seed', { ...BODY, seed: 7n }, 'input/type', 'seed', 'got 7'],
  ['no pictures', { ...BODY, n: 0 }, 'input/out-of-range', 'n', 'from 1 to 10, got 0'],
  ['a million pictures', { ...BODY, n: 1e6 }, 'input/out-of-range', 'n', 'got 1000000'],
  ['n as text', { ...BODY, n: '1' }, 'input/type', 'n', 'got "1"'],
  ['a made-up preset', { ...BODY, size: 'huge' }, 'input/size-unsupported', 'size', 'square_hd'],
  ['no size', { ...BODY, size: '' }, 'input/size-unsupported', 'size', 'got ""'],
  ['a size off the grid', { ...BODY, size: '1000x1000' }, 'input/size-unsupported', 'size', 'multiples of 16'],
  ['a size of 0', { ...BODY, size: '0x0' }, 'input/size-unsupported', 'size', 'got "0x0"'],
  ['a size too large', { ...BODY, size: '8192x64' }, 'input/size-unsupported', 'size', 'to 4096'],
  ['another cross', { ...BODY, size: '64×64' }, 'input/size-unsupported', 'size', 'WIDTHxHEIGHT'],
  ['three sides', { ...BODY, size: '64x64x64' }, 'input/size-unsupported', 'size', 'WIDTHxHEIGHT'],
  ['size as a number', { ...BODY, size: 512 }, 'input/type', 'size', 'must be a string, got 512'],
  ['size as an object', { ...BODY, size: { width: 64, height: 64 } }, 'input/type', 'size', 'got an object'],
  ['image_size as text', { ...BODY, image_size: '64x64' }, 'input/type', 'image_size', 'must be an object'],
  ['image_size as a list', { ...BODY, image_size: [64, 64] }, 'input/type', 'image_size', 'got a list of 2'],
  ['half an image_size', { ...BODY, image_size: { width: 64 } }, 'input/required', 'image_size.height', 'is required'],
  [
    'a side as text',
    { ...BODY, image_size: { width: '64', height: 64 } },
    'input/type',
    'image_size.width',
    'an integer, got "64"',
  ],
  [
    'a side off the grid',
    { ...BODY, image_size: { width: 8, height: 16 } },
    'input/size-unsupported',
    'image_size',
    'got 8 and 16',
  ],
  [
    'a NaN side',
    { ...BODY, image_size: { width: Number.NaN, height: 16 } },
    'input/size-unsupported',
    'image_size',
    'got NaN and 16',
  ],
  [
    'a third dimension',
    { ...BODY, image_size: { width: 64, height: 64, depth: 64 } },
    'input/field-unsupported',
    'image_size.depth',
    'is not supported',
  ],
  [
    'both sizes',
    { ...BODY, size: 'square', image_size: { width: 64, height: 64 } },
    'input/conflict',
    'image_size',
    'both',
  ],
  [
    'both sizes, one of them auto',
    { ...BODY, size: 'auto', image_size: { width: 64, height: 64 } },
    'input/conflict',
    'image_size',
    'both',
  ],
  ['an encoding nobody has', { ...BODY, output_format: 'tiff' }, 'input/out-of-range', 'output_format', 'got "tiff"'],
  [
    'two transports',
    { ...BODY, output_format: 'url', response_format: 'b64_json' },
    'input/conflict',
    'response_format',
    'agree',
  ],
  ['png as a transport', { ...BODY, response_format: 'png' }, 'input/out-of-range', 'response_format', 'url, b64_json'],
  [
    'a transparent background',
    { ...BODY, background: 'transparent' },
    'input/field-unsupported',
    'background',
    'opaque',
  ],
  ['an acceleration nobody has', { ...BODY, acceleration: 'max' }, 'input/out-of-range', 'acceleration', 'regular'],
  ['acceleration as a boolean', { ...BODY, acceleration: true }, 'input/type', 'acceleration', 'got true'],
  [
    'the safety checker as text',
    { ...BODY, enable_safety_checker: 'no' },
    'input/type',
    'enable_safety_checker',
    'must be true or false, got "no"',
  ],
  ['stream as a number', { ...BODY, stream: 1 }, 'input/type', 'stream', 'must be true or false, got 1'],
  [
    'too many partial pictures',
    { ...BODY, stream: true, partial_images: 4 },
    'input/out-of-range',
    'partial_images',
    'to 3',
  ],
  ['no sequence', { ...BODY, max_sequence_length: 0 }, 'input/out-of-range', 'max_sequence_length', 'from 1 to 512'],
  [
    'a sequence too long',
    { ...BODY, max_sequence_length: 513 },
    'input/out-of-range',
    'max_sequence_length',
    'got 513',
  ],
  ['quality as a number', { ...BODY, quality: 1 }, 'input/type', 'quality', 'a string, got 1'],
  ['compression past 100', { ...BODY, output_compression: 101 }, 'input/out-of-range', 'output_compression', 'to 100'],
];

const FULL: ImageRequest = {
  ...BODY,
  size: 'square',
  num_inference_steps: 4,
  guidance_scale: 3.5,
  acceleration: 'regular',
  seed: Number.MAX_SAFE_INTEGER,
  enable_safety_checker: true,
  n: 10,
  output_format: 'b64_json',
  stream: true,
  partial_images: 3,
  max_sequence_length: 512,
};

describe('parseRequest', () => {
  it.each(REFUSALS)('refuses %s', (_what, body, code, field, words) => {
    const error = refusal(body);
    expect([error.name, error.code, error.details.field]).toEqual(['InputError', code, field]);
    expect(error.message).toContain(words);
    // Whatever was sent, a message stays readable.
    expect(error.message.length).toBeLessThan(500);
  });

  it('takes every field of the endpoint as it is', () => {
    expect(parseRequest(FULL)).toEqual({ request: FULL, transport: 'b64_json', warnings: [] });
  });

  it('counts null and undefined as not sent, in every optional field', () => {
    const { model, prompt, ...optional } = FULL;
    for (const nothing of [null, undefined]) {
      const none = Object.fromEntries(
        [...Object.keys(optional), 'image_size', 'negative_prompt'].map((field) => [field, nothing]),
      );
      expect(parseRequest({ ...none, model, prompt })).toEqual({
        request: { model, prompt },
        transport: 'url',
        warnings: [],
      });
    }
  });

  it('refuses null where a value is needed, inside an object too', () => {
    expect(refusal({ ...BODY, prompt: null }).details.field).toBe('prompt');
    expect(refusal({ ...BODY, image_size: { width: null, height: 16 } }).details.field).toBe('image_size.width');
  });

  it('needs no model: whoever answers has one', () => {
    const { model: _, ...call } = BODY;
    for (const model of [undefined, null]) {
      expect(parseRequest({ ...call, model }).request).toEqual(call);
    }
    expect(parseRequest(BODY).request).toEqual(BODY);
    expect(() => parseRequest({ ...call, model: 7 })).toThrow('model must be a string');
  });

  it('hands pictures over as URLs by default', () => {
    expect(parseRequest(BODY)).toEqual({ request: BODY, transport: 'url', warnings: [] });
  });

  it('reads OpenAI spellings of the same things', () => {
    const { request, transport } = parseRequest({
      ...BODY,
      size: '1024x768',
      response_format: 'b64_json',
      output_format: 'png',
    });
    expect(request).toEqual({ ...BODY, size: '1024x768', output_format: 'b64_json' });
    expect(transport).toBe('b64_json');
  });

  it.each([
    ['png', []],
    ['jpeg', [{ field: 'output_format', reason: 'pictures are PNG files, not jpeg' }]],
    ['webp', [{ field: 'output_format', reason: 'pictures are PNG files, not webp' }]],
  ] as const)('takes the file format %s beside a transport, and says what comes instead', (output_format, warnings) => {
    const parsed = parseRequest({ ...BODY, response_format: 'b64_json', output_format });
    expect(parsed).toEqual({ request: { ...BODY, output_format: 'b64_json' }, transport: 'b64_json', warnings });
    expect(parseRequest({ ...BODY, output_format })).toEqual({ request: BODY, transport: 'url', warnings });
  });

  it('takes "auto" for the size of the model', () => {
    expect(parseRequest({ ...BODY, size: 'auto' }).request).toEqual(BODY);
  });

  it('warns of every field that changes nothing, and drops none silently', () => {
    const without = {
      quality: 'hd',
      style: 'vivid',
      user: 'u-1',
      moderation: 'low',
      output_compression: 50,
      background: 'auto',
      partial_images: 2,
    };
    const { request, warnings } = parseRequest({ ...BODY, ...without });
    expect(request).toEqual(BODY);
    expect(warnings.map(({ field }) => field).sort()).toEqual(Object.keys(without).sort());
  });

  it('keeps right-to-left text, emoji, NUL and the empty prompt', () => {
    for (const prompt of ['بيت أحمر', '🏠🔴', 'a\0b', '', '  ']) {
      expect(parseRequest({ ...BODY, prompt }).request.prompt).toBe(prompt);
    }
  });

  it('leaves frozen bodies and prototypes as they are', () => {
    expect(parseRequest(Object.freeze({ ...BODY })).request).toEqual(BODY);
    expect(() => parseRequest(withProto)).toThrow();
    expect(({} as { n?: number }).n).toBeUndefined();
  });
});

function refusal(body: unknown) {
  try {
    parseRequest(body);
  } catch (error) {
    if (isFluxError(error)) return error;
    throw error;
  }
  throw new Error('expected an error, got none');
}
