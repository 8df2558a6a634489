import { type ImageSize, InputError, MAX_STEPS, ModelError, parseSize, type SizePreset } from '@flux-srpo/core';
import type { GenerateRequest } from '@flux-srpo/runtime';
import { check, checkImageSize, isOneOf } from './fields.ts';
import type { LoadedModel } from './protocol.ts';

/** The body of `POST /v1/images/generations`, field for field, and `max_sequence_length`. */
export interface ImageRequest {
  model: string;
  prompt: string;
  /** A preset of the model, or `WIDTHxHEIGHT` in multiples of 16. @default the model's own */
  size?: SizePreset | `${number}x${number}`;
  /** Instead of `size`. */
  image_size?: ImageSize;
  /** @default the model's own (28) */
  num_inference_steps?: number;
  /** Strength of the prompt; one pass, not two. @default the model's own (4.5) */
  guidance_scale?: number;
  /** Only `none` for now. @default 'none' */
  acceleration?: 'none';
  /** Same seed, prompt, size and model: same picture. @default random, reported back */
  seed?: number;
  /** Only `false` for now. @default false */
  enable_safety_checker?: false;
  /** @default 1 */
  n?: number;
  /** `url` gives `blob:` URLs, `b64_json` base64. @default 'url' */
  output_format?: OutputFormat;
  /** Most T5 tokens of the prompt. @default the model's own */
  max_sequence_length?: number;
}

export type OutputFormat = 'url' | 'b64_json';

export const PRESETS: readonly SizePreset[] = [
  'square_hd',
  'square',
  'portrait_4_3',
  'portrait_16_9',
  'landscape_4_3',
  'landscape_16_9',
];

/** OpenAI's own bound on pictures per request. */
const MAX_IMAGES = 10;

const FIELDS: Record<keyof ImageRequest, (value: unknown, field: string) => void> = {
  model: check.text,
  prompt: check.text,
  size: (value, field) => {
    check.text(value, field);
    if (!isOneOf(PRESETS, value)) parseSize(value as string);
  },
  image_size: checkImageSize,
  num_inference_steps: check.integer(1, MAX_STEPS),
  guidance_scale: check.number(0, 100),
  acceleration: check.only('none'),
  seed: check.integer(0, Number.MAX_SAFE_INTEGER),
  enable_safety_checker: check.only(false),
  n: check.integer(1, MAX_IMAGES),
  output_format: check.oneOf(['url', 'b64_json']),
  max_sequence_length: check.integer(1, 512),
};

/** Refuses anything but a request: nothing is dropped, clamped or repaired. Fields that are `undefined` count as absent. */
export function parseRequest(body: unknown): ImageRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InputError(`a request must be an object, got ${body === null ? 'null' : typeof body}`, {
      code: 'input/type',
    });
  }
  const entries = Object.entries(body).filter(([, value]) => value !== undefined);
  for (const [field, value] of entries) {
    if (!Object.hasOwn(FIELDS, field)) {
      throw new InputError(
        `field "${field.slice(0, 40)}" is not supported; supported: ${Object.keys(FIELDS).join(', ')}`,
        {
          code: 'input/field-unsupported',
          details: { field: field.slice(0, 40) },
        },
      );
    }
    FIELDS[field as keyof ImageRequest](value, field);
  }
  const request = Object.fromEntries(entries) as Partial<ImageRequest>;
  for (const field of ['model', 'prompt'] as const) {
    if (request[field] === undefined) {
      throw new InputError(`${field} is required`, { code: 'input/required', details: { field } });
    }
  }
  if (request.size !== undefined && request.image_size !== undefined) {
    throw new InputError('size and image_size exclude each other, got both', {
      code: 'input/conflict',
      details: { field: 'image_size' },
    });
  }
  return request as ImageRequest;
}

/** The request in the engine's words. What it leaves open, the engine fills in from the bundle; the seed at random. */
export function toEngineRequest(request: ImageRequest, model: LoadedModel): GenerateRequest {
  if (request.model !== model.model) {
    throw new ModelError(`model must be "${model.model}", which is loaded, got "${request.model.slice(0, 80)}"`, {
      code: 'model/not-found',
      details: { field: 'model', loaded: model.model },
    });
  }
  return {
    prompt: request.prompt,
    size: request.image_size ?? pixels(request.size ?? model.defaults.size, model),
    steps: request.num_inference_steps,
    guidance: request.guidance_scale,
    seed: request.seed,
    n: request.n,
    maxSequenceLength: request.max_sequence_length,
  };
}

function pixels(size: string, model: LoadedModel): ImageSize {
  return isOneOf(PRESETS, size) ? model.sizes[size] : parseSize(size);
}
