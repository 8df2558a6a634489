import {
  checkSeed,
  checkSize,
  type ImageSize,
  InputError,
  MAX_STEPS,
  type Manifest,
  ModelError,
} from '@flux-srpo/core';
import { ACCELERATIONS, type Acceleration } from './denoise/step-cache.ts';

/** What one generation needs, in the engine's own words. Everything but the prompt has a default from the bundle. */
export interface GenerateRequest {
  prompt: string;
  size?: ImageSize | undefined;
  /** Denoising steps, 1 … 1000. */
  steps?: number | undefined;
  /** Distilled guidance, an input of the model, not a second pass. */
  guidance?: number | undefined;
  /** Same seed, prompt, size and bundle: same picture. Random when absent. Taken modulo 2³², as torch does. */
  seed?: number | undefined;
  /** Pictures of one batch of noise. */
  n?: number | undefined;
  /** T5 tokens, padding included. */
  maxSequenceLength?: number | undefined;
  /** Skips steps in which little changes. Default `none`: every step is computed. */
  acceleration?: Acceleration | undefined;
  /** Withholds pictures that the bundle's classifier flags, and makes no previews. Default false. */
  enableSafetyChecker?: boolean | undefined;
}

export type ResolvedRequest = { [Key in keyof GenerateRequest]-?: NonNullable<GenerateRequest[Key]> };

/** diffusers' own limit for FLUX. */
const MAX_SEQUENCE_LENGTH = 512;
/** Latents of all pictures are held at once; more are better asked for one request at a time. */
export const MAX_IMAGES = 16;
const MAX_GUIDANCE = 1000;

/** Checks every field and fills in the bundle's defaults. Nothing is clamped or rounded. */
export function resolveRequest(request: GenerateRequest, manifest: Manifest): ResolvedRequest {
  const { defaults, sizes, tokenizers } = manifest;
  const { prompt } = request;
  if (typeof prompt !== 'string') {
    throw new InputError(`prompt must be a string, got ${describe(prompt)}`, {
      code: prompt === undefined ? 'input/required' : 'input/type',
      details: { field: 'prompt' },
    });
  }
  return {
    prompt,
    size: checkSize(request.size ?? sizes[defaults.size]),
    steps: integer('steps', request.steps ?? defaults.num_inference_steps, 1, MAX_STEPS),
    guidance: finite('guidance', request.guidance ?? defaults.guidance_scale, 0, MAX_GUIDANCE),
    seed: request.seed === undefined ? randomSeed() : Number(checkSeedNumber(request.seed)),
    n: integer('n', request.n ?? 1, 1, MAX_IMAGES),
    maxSequenceLength: integer(
      'maxSequenceLength',
      request.maxSequenceLength ?? tokenizers.tokenizer_2.max_length,
      1,
      MAX_SEQUENCE_LENGTH,
    ),
    acceleration: checkAcceleration(request.acceleration ?? 'none'),
    enableSafetyChecker: checkSafetyChecker(request.enableSafetyChecker ?? false, manifest),
  };
}

/** 32 random bits: all that torch's generator takes. */
export function randomSeed(): number {
  return (crypto.getRandomValues(new Uint32Array(1)) as unknown as [number])[0];
}

function checkSeedNumber(seed: number): number {
  if (typeof seed !== 'number') throw wrongType('seed', 'an integer', seed);
  checkSeed(seed);
  return seed;
}

function checkAcceleration(value: Acceleration): Acceleration {
  if (ACCELERATIONS.includes(value)) return value;
  throw new InputError(`acceleration must be one of ${ACCELERATIONS.join(', ')}, got ${String(value)}`, {
    code: 'input/out-of-range',
    details: { field: 'acceleration' },
  });
}

function checkSafetyChecker(value: boolean, { safety_checker }: Manifest): boolean {
  if (typeof value !== 'boolean') throw wrongType('enableSafetyChecker', 'a boolean', value);
  if (!value || safety_checker !== undefined) return value;
  throw new ModelError(
    'enable_safety_checker must be false: this bundle has no safety checker; convert it with one, or do not ask',
    { code: 'model/safety-checker-missing', details: { field: 'enable_safety_checker' } },
  );
}

function integer(field: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number') throw wrongType(field, 'an integer', value);
  if (!Number.isInteger(value) || value < min || value > max) throw outOfRange(field, 'an integer', value, min, max);
  return value;
}

function finite(field: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value);
  if (!(value >= min && value <= max)) throw outOfRange(field, 'a number', value, min, max);
  return value;
}

function outOfRange(field: string, kind: string, value: number, min: number, max: number): InputError {
  return new InputError(`${field} must be ${kind} from ${min} to ${max}, got ${value}`, {
    code: 'input/out-of-range',
    details: { field, min, max },
  });
}

function wrongType(field: string, kind: string, value: unknown): InputError {
  return new InputError(`${field} must be ${kind}, got ${describe(value)}`, { code: 'input/type', details: { field } });
}

function describe(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
