import { ACCELERATIONS, InputError, LIMITS, readPrompt, readSize, strict } from '@flux-srpo/core';
import {
  type CheckedRequest,
  FILE_FORMATS,
  type FileFormat,
  type ImageRequest,
  type ParsedRequest,
  type RequestWarning,
  TRANSPORTS,
  type Transport,
} from './request.ts';
import * as rules from './rules.ts';

const { optional } = strict;

const FIELDS: strict.Fields<CheckedRequest> = {
  model: optional(strict.string),
  prompt: readPrompt,
  size: optional(rules.size),
  image_size: optional(readSize),
  num_inference_steps: optional(strict.integer(...LIMITS.num_inference_steps)),
  guidance_scale: optional(strict.number(...LIMITS.guidance_scale)),
  acceleration: optional(strict.oneOf(...ACCELERATIONS)),
  seed: optional(strict.integer(...LIMITS.seed)),
  enable_safety_checker: optional(strict.boolean),
  n: optional(strict.integer(...LIMITS.n)),
  output_format: optional(strict.oneOf(...TRANSPORTS, ...FILE_FORMATS)),
  response_format: optional(strict.oneOf(...TRANSPORTS)),
  stream: optional(strict.boolean),
  partial_images: optional(strict.integer(...LIMITS.partial_images)),
  max_sequence_length: optional(strict.integer(...LIMITS.max_sequence_length)),
  quality: optional(strict.string),
  style: optional(strict.string),
  user: optional(strict.string),
  moderation: optional(strict.string),
  output_compression: optional(strict.integer(0, 100)),
  background: optional(rules.oneOf(['auto', 'opaque'], ['transparent'])),
};
const read = strict.object(FIELDS);

const WITHOUT_EFFECT: Partial<Record<keyof ImageRequest, string>> = {
  quality: 'the model has one quality; num_inference_steps is what changes it',
  style: 'the model has no styles; say it in the prompt',
  user: 'nobody is told',
  moderation: 'enable_safety_checker is what checks pictures',
  output_compression: 'PNG is lossless',
  background: 'pictures are opaque',
};

/** What neighbouring services call it. */
const HINTS: ReadonlyMap<string, string> = new Map([
  ['negative_prompt', 'the model is guidance-distilled and has no negative prompt'],
  ['num_images', 'say n'],
  ['steps', 'say num_inference_steps'],
  ['num_steps', 'say num_inference_steps'],
  ['guidance', 'say guidance_scale'],
  ['cfg_scale', 'say guidance_scale'],
  ['width', 'say image_size: { width, height }'],
  ['height', 'say image_size: { width, height }'],
  ['image', 'the model draws from text alone'],
  ['mask', 'the model draws from text alone'],
]);

/**
 * Refuses anything but a request: nothing is dropped, clamped or repaired. It may leave out the
 * model where there is one: whoever answers has only that.
 *
 * @throws InputError
 */
export function parseRequest(body: unknown): ParsedRequest {
  const sent = sentFields(body, ['prompt']);
  if (!Object.hasOwn(sent, 'prompt')) throw strict.required('prompt');
  const { output_format, response_format, size, ...request } = read(sent, '');
  if (size !== undefined && request.image_size !== undefined) {
    throw rules.conflict('image_size', 'size and image_size exclude each other, got both');
  }
  const transport = agreedTransport(output_format, response_format);
  const warnings: RequestWarning[] = [];
  if (output_format === 'jpeg' || output_format === 'webp') {
    warnings.push({ field: 'output_format', reason: `pictures are PNG files, not ${output_format}` });
  }
  for (const [field, reason] of Object.entries(WITHOUT_EFFECT)) {
    if (request[field as keyof typeof request] === undefined) continue;
    delete request[field as 'quality'];
    warnings.push({ field, reason });
  }
  if (request.partial_images !== undefined && request.stream !== true) {
    delete request.partial_images;
    warnings.push({ field: 'partial_images', reason: 'only with stream: true' });
  }
  return {
    request: {
      ...request,
      ...(size === undefined || size === 'auto' ? {} : { size }),
      ...(transport === undefined ? {} : { output_format: transport }),
    },
    transport: transport ?? 'url',
    warnings,
  };
}

/** The body's fields, all known. `undefined`, and `null` where optional, was not sent. */
function sentFields(body: unknown, required: readonly string[]): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InputError(`a request must be an object, got ${strict.show(body)}`, { code: 'input/type' });
  }
  let entries: [string, unknown][];
  try {
    entries = Object.entries(body).filter(
      ([field, value]) => value !== undefined && (value !== null || required.includes(field)),
    );
  } catch (cause) {
    throw new InputError('a request must be a plain object, got one whose fields cannot be read', {
      code: 'input/type',
      cause,
    });
  }
  for (const [name] of entries) if (!Object.hasOwn(FIELDS, name)) throw unknownField(name);
  return Object.fromEntries(entries);
}

function unknownField(name: string): InputError {
  const field = name.slice(0, 40);
  const hint = HINTS.get(field);
  const known = Object.keys(FIELDS).filter((name) => !Object.hasOwn(WITHOUT_EFFECT, name));
  return rules.unsupported(
    field,
    `field "${field}" is not supported${hint === undefined ? '' : ` (${hint})`}; supported: ${known.join(', ')}`,
  );
}

function agreedTransport(
  outputFormat: Transport | FileFormat | undefined,
  responseFormat: Transport | undefined,
): Transport | undefined {
  const spelled = TRANSPORTS.find((transport) => transport === outputFormat);
  if (spelled !== undefined && responseFormat !== undefined && spelled !== responseFormat) {
    throw rules.conflict(
      'response_format',
      `output_format and response_format must agree, got "${spelled}" and "${responseFormat}"`,
    );
  }
  return spelled ?? responseFormat;
}
