import { type ImageSize, InputError, MAX_STEPS, type SizePreset } from '@flux-srpo/core';
import * as rules from './rules.ts';

/**
 * The body of `POST /v1/images/generations`, field for field, with OpenAI's spellings of the same things.
 * `size` and `image_size`, and two different transports, exclude each other.
 */
export interface ImageRequest {
  /** The bundle's model id, as `load()` says it. */
  model: string;
  /** What to draw. */
  prompt: string;
  /** A preset of the model, `WIDTHxHEIGHT` in multiples of 16, or `auto`. @default the model's own */
  size?: SizePreset | `${number}x${number}` | 'auto';
  /** Instead of `size`. */
  image_size?: ImageSize;
  /** 1 … 1000. @default the model's own (28) */
  num_inference_steps?: number;
  /** Strength of the prompt; one pass, not two. 0 … 100. @default the model's own (4.5) */
  guidance_scale?: number;
  /** `none` computes every step; the others let a step cache skip some. @default 'none' */
  acceleration?: Acceleration;
  /** Same seed, prompt, size, n and model: same pictures. 0 … 2⁵³ − 1. @default random, reported back */
  seed?: number;
  /** Withholds pictures that the bundle's classifier flags. @default false */
  enable_safety_checker?: boolean;
  /** Pictures of one batch of noise. 1 … 10. @default 1 */
  n?: number;
  /** `url` or `b64_json`: how pictures are handed over. `png` says what they are anyway. @default 'url' */
  output_format?: Transport | 'png';
  /** OpenAI's name for the transport. */
  response_format?: Transport;
  /** Over HTTP: server-sent events. */
  stream?: boolean;
  /** Rough pictures on the way, with `stream`. 0 … 3. @default 0 */
  partial_images?: number;
  /** Most T5 tokens of the prompt. 1 … 512. @default the model's own */
  max_sequence_length?: number;
  /** No effect, as are the next five: they come back in `warnings`. */
  quality?: string;
  style?: string;
  user?: string;
  moderation?: string;
  output_compression?: number;
  background?: 'auto' | 'opaque';
}

/** How pictures are handed over: an address, or base64. */
export type Transport = 'url' | 'b64_json';

/** How many steps the step cache may skip. */
export type Acceleration = 'none' | 'regular' | 'high';

/** A field that was understood and changed nothing. */
export interface RequestWarning {
  field: string;
  reason: string;
}

/** A request that was checked, and what there is to say of it. */
export interface ParsedRequest {
  /** With one spelling of everything: no `response_format`, `output_format` only as a transport, no field without effect. */
  request: ImageRequest;
  transport: Transport;
  warnings: RequestWarning[];
}

/** Every {@link Acceleration}, the exact one first. */
export const ACCELERATIONS: readonly Acceleration[] = ['none', 'regular', 'high'];

/** OpenAI's own bound on pictures per request. */
const MAX_IMAGES = 10;
/** OpenAI's own bound on partial pictures. */
const MAX_PARTIAL_IMAGES = 3;
/** diffusers' own limit for FLUX. */
const MAX_SEQUENCE_LENGTH = 512;

const TRANSPORTS: readonly string[] = ['url', 'b64_json'];

const FIELDS: Record<keyof ImageRequest, rules.Rule> = {
  model: rules.text,
  prompt: rules.prompt,
  size: rules.size,
  image_size: rules.imageSize,
  num_inference_steps: rules.integer(1, MAX_STEPS),
  guidance_scale: rules.number(0, 100),
  acceleration: rules.oneOf(ACCELERATIONS),
  seed: rules.integer(0, Number.MAX_SAFE_INTEGER),
  enable_safety_checker: rules.boolean,
  n: rules.integer(1, MAX_IMAGES),
  output_format: rules.oneOf([...TRANSPORTS, 'png'], ['jpeg', 'webp']),
  response_format: rules.oneOf(TRANSPORTS),
  stream: rules.boolean,
  partial_images: rules.integer(0, MAX_PARTIAL_IMAGES),
  max_sequence_length: rules.integer(1, MAX_SEQUENCE_LENGTH),
  quality: rules.text,
  style: rules.text,
  user: rules.text,
  moderation: rules.text,
  output_compression: rules.integer(0, 100),
  background: rules.oneOf(['auto', 'opaque'], ['transparent']),
};

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
  ['negative_prompt', ' (the model is guidance-distilled and has no negative prompt)'],
  ['num_images', ' (say n)'],
  ['steps', ' (say num_inference_steps)'],
  ['num_steps', ' (say num_inference_steps)'],
  ['guidance', ' (say guidance_scale)'],
  ['cfg_scale', ' (say guidance_scale)'],
  ['width', ' (say image_size: { width, height })'],
  ['height', ' (say image_size: { width, height })'],
  ['image', ' (the model draws from text alone)'],
  ['mask', ' (the model draws from text alone)'],
]);

/** Refuses anything but a request: nothing is dropped, clamped or repaired. Fields that are `undefined` count as absent. */
export function parseRequest(body: unknown): ParsedRequest {
  const given = readFields(body);
  for (const [field, value] of Object.entries(given)) FIELDS[field as keyof ImageRequest](value, field);
  for (const field of ['model', 'prompt']) if (!Object.hasOwn(given, field)) throw rules.missing(field);
  const { output_format, response_format, size, ...request } = given as unknown as ImageRequest;
  if (size !== undefined && request.image_size !== undefined) {
    throw conflict('image_size', 'size and image_size exclude each other, got both');
  }
  const transport = agreedTransport(output_format, response_format);
  const warnings: RequestWarning[] = [];
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

/** The body's own fields that are not `undefined`, all of them known. */
function readFields(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const got = body === null ? 'null' : Array.isArray(body) ? 'an array' : typeof body;
    throw new InputError(`a request must be an object, got ${got}`, { code: 'input/type' });
  }
  let entries: [string, unknown][];
  try {
    entries = Object.entries(body).filter(([, value]) => value !== undefined);
  } catch (cause) {
    throw new InputError('a request must be a plain object, got one whose fields cannot be read', {
      code: 'input/type',
      cause,
    });
  }
  for (const [field] of entries) {
    if (!Object.hasOwn(FIELDS, field)) {
      const known = Object.keys(FIELDS).filter((name) => !Object.hasOwn(WITHOUT_EFFECT, name));
      throw rules.unknownField(field, known, HINTS.get(field));
    }
  }
  return Object.fromEntries(entries);
}

function agreedTransport(
  outputFormat: ImageRequest['output_format'],
  responseFormat: Transport | undefined,
): Transport | undefined {
  const spelled = outputFormat === 'png' ? undefined : outputFormat;
  if (spelled !== undefined && responseFormat !== undefined && spelled !== responseFormat) {
    throw conflict(
      'response_format',
      `output_format and response_format must agree, got "${spelled}" and "${responseFormat}"`,
    );
  }
  return spelled ?? responseFormat;
}

function conflict(field: string, message: string): InputError {
  return new InputError(message, { code: 'input/conflict', details: { field } });
}
