import { SMALL } from '../../support/engine.ts';

/** A request that JSON can express and the endpoint must refuse, with the refusal. */
export interface BadRequest {
  name: string;
  /** The body as text. Every interface gets it. */
  json: string;
  status: number;
  type: string;
  param: string | null;
  code: string;
  /** True where the OpenAPI document cannot express why the request is wrong. */
  isBeyondSchema: boolean;
  /** True when a function call may ask this: it draws with the client's own model. */
  isCallable: boolean;
}

type Row = [name: string, body: unknown, param: string | null];

const GOOD = { ...SMALL, seed: 7, output_format: 'b64_json' };
const { prompt: _prompt, ...WITHOUT_PROMPT } = GOOD;
const { size: _size, ...WITHOUT_SIZE } = GOOD;

const having = (fields: object): object => ({ ...GOOD, ...fields });
/** `GOOD` and text that only JSON itself can express. */
const textually = (fields: string): RawJson => new RawJson(`${JSON.stringify(GOOD).slice(0, -1)},${fields}}`);

class RawJson {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Values of every wrong type for a field, except those of type `right`. */
function wrongTypes(field: string, right: 'string' | 'number' | 'boolean' | 'object'): Row[] {
  const values: [string, unknown][] = [
    // In an optional field, null is a field that was not sent.
    ...(field === 'prompt' ? ([['null', null]] as [string, unknown][]) : []),
    ['an array', []],
    ['text', '4'],
    ['a number', 4],
    ['a boolean', true],
    ['an object', { value: 4 }],
  ];
  return values
    .filter(([, value]) => value === null || Array.isArray(value) || typeof value !== right)
    .map(([name, value]): Row => [`${field} is ${name}`, having({ [field]: value }), field]);
}

const TYPES: Row[] = [
  ['the body is null', null, null],
  ['the body is an array', [GOOD], null],
  ['the body is text', 'a red fox', null],
  ['the body is a number', 7, null],
  ['the body is a boolean', false, null],
  ...wrongTypes('model', 'string'),
  ...wrongTypes('prompt', 'string'),
  ...wrongTypes('size', 'string'),
  ...wrongTypes('num_inference_steps', 'number'),
  ...wrongTypes('guidance_scale', 'number'),
  ...wrongTypes('acceleration', 'string'),
  ...wrongTypes('seed', 'number'),
  ...wrongTypes('enable_safety_checker', 'boolean'),
  ...wrongTypes('n', 'number'),
  ...wrongTypes('output_format', 'string'),
  ...wrongTypes('response_format', 'string'),
  ...wrongTypes('stream', 'boolean'),
  ...wrongTypes('partial_images', 'number'),
  ...wrongTypes('max_sequence_length', 'number'),
  ...wrongTypes('quality', 'string'),
  ...wrongTypes('background', 'string'),
  ['image_size is text', { ...WITHOUT_SIZE, image_size: '48x32' }, 'image_size'],
  ['image_size is an array', { ...WITHOUT_SIZE, image_size: [48, 32] }, 'image_size'],
  ['a width of text', { ...WITHOUT_SIZE, image_size: { width: '48', height: 32 } }, 'image_size.width'],
  ['a height of null', { ...WITHOUT_SIZE, image_size: { width: 48, height: null } }, 'image_size.height'],
  ['a prompt of a hundred thousand lists', having({ prompt: Array(100_000).fill([]) }), 'prompt'],
  ['a prompt nested two thousand deep', textually(`"prompt":${'['.repeat(2000)}${']'.repeat(2000)}`), 'prompt'],
  ['the last of two prompts is a number', textually('"prompt":7'), 'prompt'],
];

const MISSING: Row[] = [
  ['nothing', {}, 'prompt'],
  ['no prompt', WITHOUT_PROMPT, 'prompt'],
  ['half an image_size', { ...WITHOUT_SIZE, image_size: { width: 48 } }, 'image_size.height'],
  ['an empty image_size', { ...WITHOUT_SIZE, image_size: {} }, 'image_size.width'],
];

const RANGES: Row[] = [
  ...[0, -1, 1.5, 1001, 1e9, -0.5, Number.MAX_SAFE_INTEGER].map(
    (value): Row => [`${value} steps`, having({ num_inference_steps: value }), 'num_inference_steps'],
  ),
  ...[-1, 100.5, 1e9, -1e-9].map(
    (value): Row => [`guidance ${value}`, having({ guidance_scale: value }), 'guidance_scale'],
  ),
  ...[-1, 0.5, 2 ** 53, 2 ** 64, -(2 ** 53)].map((value): Row => [`seed ${value}`, having({ seed: value }), 'seed']),
  ...[0, -1, 11, 1.5, 1e6].map((value): Row => [`${value} pictures`, having({ n: value }), 'n']),
  ...[0, -1, 513, 24.5].map(
    (value): Row => [`${value} tokens`, having({ max_sequence_length: value }), 'max_sequence_length'],
  ),
  ...[-1, 4, 0.5].map(
    (value): Row => [`${value} partial pictures`, having({ stream: true, partial_images: value }), 'partial_images'],
  ),
  ...[-1, 101].map(
    (value): Row => [`compression ${value}`, having({ output_compression: value }), 'output_compression'],
  ),
  ['infinite steps', textually('"num_inference_steps":1e400'), 'num_inference_steps'],
  ['infinite guidance', textually('"guidance_scale":1e400'), 'guidance_scale'],
  ['minus infinite guidance', textually('"guidance_scale":-1e400'), 'guidance_scale'],
  ['an infinite seed', textually('"seed":1e999'), 'seed'],
  ['a seed of a hundred digits', textually(`"seed":${'9'.repeat(100)}`), 'seed'],
  ['an unknown acceleration', having({ acceleration: 'fast' }), 'acceleration'],
  ['acceleration in capitals', having({ acceleration: 'NONE' }), 'acceleration'],
  ['an empty acceleration', having({ acceleration: '' }), 'acceleration'],
  ['acceleration __proto__', having({ acceleration: '__proto__' }), 'acceleration'],
  ['an unknown output_format', having({ output_format: 'gif' }), 'output_format'],
  ['output_format with a space', having({ output_format: 'url ' }), 'output_format'],
  ['an unknown response_format', having({ response_format: 'json' }), 'response_format'],
  ['an unknown background', having({ background: 'blue' }), 'background'],
];

const SIZES: Row[] = [
  ...[
    '',
    'huge',
    'SQUARE',
    'square ',
    'constructor',
    '__proto__',
    '48',
    '48x',
    'x32',
    '48x32x16',
    '48X32',
    '48×32',
    '48*32',
    '-48x32',
    '48.0x32',
    '0x0',
    '8x8',
    '100x96',
    '4112x64',
    '1e3x1e3',
    '999999x999999',
    '٤٨x٣٢',
    ' 48x32',
    '48x32\n',
    '1'.repeat(1000),
  ].map((size): Row => [`size ${JSON.stringify(size.slice(0, 20))}`, having({ size }), 'size']),
  ...(
    [
      [0, 0],
      [8, 32],
      [48, 33],
      [-48, 32],
      [48, 4112],
      [48.5, 32],
      [1e9, 1e9],
    ] as const
  ).map(
    ([width, height]): Row => [
      `image_size ${width} by ${height}`,
      { ...WITHOUT_SIZE, image_size: { width, height } },
      'image_size',
    ],
  ),
];

const UNSUPPORTED: Row[] = [
  ...['negative_prompt', 'steps', 'guidance', 'width', 'num_images', 'image', 'sampler', 'Prompt', 'model ', ''].map(
    (field): Row => [`a field ${JSON.stringify(field)}`, having({ [field]: 1 }), field],
  ),
  ...['constructor', 'toString', 'hasOwnProperty', 'prototype'].map(
    (field): Row => [`a field ${field}`, having({ [field]: 'x' }), field],
  ),
  ['a field __proto__', textually('"__proto__":{"seed":-1}'), '__proto__'],
  ['a field in another script', having({ про́мпт: 1 }), 'про́мпт'],
  ['a field of a thousand letters', having({ ['x'.repeat(1000)]: 1 }), 'x'.repeat(40)],
  ['a transparent background', having({ background: 'transparent' }), 'background'],
  [
    'an image_size with a depth',
    { ...WITHOUT_SIZE, image_size: { width: 48, height: 32, depth: 16 } },
    'image_size.depth',
  ],
  [
    'an image_size with a __proto__',
    new RawJson(JSON.stringify(WITHOUT_SIZE).replace(/}$/, ',"image_size":{"width":48,"height":32,"__proto__":{}}}')),
    'image_size.__proto__',
  ],
];

const CONFLICTS: Row[] = [
  ['two sizes', having({ image_size: { width: 48, height: 32 } }), 'image_size'],
  ['a preset and an image_size', having({ size: 'square', image_size: { width: 48, height: 32 } }), 'image_size'],
  ['two transports', having({ output_format: 'url', response_format: 'b64_json' }), 'response_format'],
  ['two transports the other way', having({ response_format: 'url' }), 'response_format'],
];

const PROMPTS_TOO_LONG: Row[] = [['a prompt of 32,001 letters', having({ prompt: 'x'.repeat(32_001) }), 'prompt']];

/** Characters are counted as in JavaScript, in UTF-16 units. A schema counts code points. */
const PROMPTS_TOO_LONG_IN_UNITS: Row[] = [
  ['a prompt of 20,000 emoji', having({ prompt: '🦊'.repeat(20_000) }), 'prompt'],
];

/** Values that a schema cannot describe. */
const ILL_FORMED: Row[] = [
  ['a prompt with half an emoji', having({ prompt: 'a \ud83e fox' }), 'prompt'],
  ['a prompt that starts with the second half', having({ prompt: '\udd8a fox' }), 'prompt'],
];

const OTHER_MODELS: Row[] = [
  '',
  'gpt-image-1',
  'FLUX-SRPO-TEXT-TO-IMAGE',
  'flux-srpo-text-to-image ',
  '../../etc/passwd',
  '__proto__',
  'model\u0000',
  'x'.repeat(1000),
].map((model): Row => [`model ${JSON.stringify(model.slice(0, 30))}`, having({ model }), 'model']);

const WITHOUT_CHECKER: Row[] = [
  ['the safety checker of a bundle without one', having({ enable_safety_checker: true }), 'enable_safety_checker'],
];

function refused(
  code: string,
  rows: Row[],
  { status = 400, isBeyondSchema = false, isCallable = false } = {},
): BadRequest[] {
  return rows.map(([name, body, param]) => ({
    name,
    json: body instanceof RawJson ? body.text : JSON.stringify(body),
    status,
    type: 'invalid_request_error',
    param,
    code,
    isBeyondSchema,
    isCallable,
  }));
}

export const BAD_REQUESTS: readonly BadRequest[] = [
  ...refused('invalid_type', TYPES),
  ...refused('missing_required_parameter', MISSING),
  ...refused('invalid_value', RANGES),
  ...refused('invalid_size', SIZES),
  ...refused('unsupported_parameter', UNSUPPORTED),
  ...refused('conflicting_parameters', CONFLICTS),
  ...refused('prompt_too_long', PROMPTS_TOO_LONG),
  ...refused('prompt_too_long', PROMPTS_TOO_LONG_IN_UNITS, { isBeyondSchema: true }),
  ...refused('invalid_value', ILL_FORMED, { isBeyondSchema: true }),
  ...refused('model_not_found', OTHER_MODELS, { status: 404, isBeyondSchema: true }),
  ...refused('safety_checker_missing', WITHOUT_CHECKER, { isBeyondSchema: true }),
];

export const GOOD_REQUEST = GOOD;
