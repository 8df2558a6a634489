import {
  checkSize,
  type ErrorCode,
  InputError,
  isFluxError,
  MAX_SIDE,
  PIXELS_PER_TOKEN,
  parseSize,
} from '@flux-srpo/core';
import { PRESETS } from './presets.ts';

/** One rule per kind of field; each throws an `InputError` that names the field, what was expected and what came. */
export type Rule = (value: unknown, field: string) => void;

/** As OpenAI's own: about 8 times what 512 tokens hold. Beyond it nothing is tokenized. */
export const MAX_PROMPT_CHARACTERS = 32_000;

export function text(value: unknown, field: string): asserts value is string {
  if (typeof value !== 'string') throw wrongType(field, 'a string', value);
}

export function prompt(value: unknown, field: string): void {
  text(value, field);
  if (value.length > MAX_PROMPT_CHARACTERS) {
    throw new InputError(`${field} must be at most ${MAX_PROMPT_CHARACTERS} characters, got ${value.length}`, {
      code: 'input/prompt-too-long',
      details: { field, max: MAX_PROMPT_CHARACTERS },
    });
  }
  if (!value.isWellFormed()) throw outOfRange(field, 'well-formed Unicode', 'a lone surrogate');
}

export function boolean(value: unknown, field: string): void {
  if (typeof value !== 'boolean') throw wrongType(field, 'a boolean', value);
}

export function integer(min: number, max: number): Rule {
  return (value, field) => {
    if (typeof value !== 'number') throw wrongType(field, 'an integer', value);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw outOfRange(field, `an integer from ${min} to ${max}`, value);
    }
  };
}

export function number(min: number, max: number): Rule {
  return (value, field) => {
    if (typeof value !== 'number') throw wrongType(field, 'a number', value);
    // NaN fails both comparisons.
    if (!(value >= min && value <= max)) throw outOfRange(field, `a number from ${min} to ${max}`, value);
  };
}

/** @param known values of the same field elsewhere, which are understood and cannot be done */
export function oneOf(values: readonly string[], known: readonly string[] = []): Rule {
  return (value, field) => {
    text(value, field);
    if (known.includes(value))
      throw unsupported(field, `${field} "${value}" is not supported; one of ${values.join(', ')}`);
    if (!values.includes(value)) throw outOfRange(field, `one of ${values.join(', ')}`, value);
  };
}

/** A preset's name, `WIDTHxHEIGHT`, or `auto`, which leaves it to the model. */
export function size(value: unknown, field: string): void {
  text(value, field);
  if (value === 'auto' || (PRESETS as readonly string[]).includes(value)) return;
  try {
    parseSize(value);
  } catch {
    const grid = `WIDTHxHEIGHT in multiples of ${PIXELS_PER_TOKEN} from ${PIXELS_PER_TOKEN} to ${MAX_SIDE}`;
    throw failure('input/size-unsupported', field, `${field} must be one of ${PRESETS.join(', ')}, or ${grid}`, value);
  }
}

export function imageSize(value: unknown, field: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(field, 'an object { width, height }', value);
  }
  const sides = value as Record<string, unknown>;
  for (const side of ['width', 'height']) {
    if (sides[side] === undefined) throw missing(`${field}.${side}`);
    if (typeof sides[side] !== 'number') throw wrongType(`${field}.${side}`, 'an integer', sides[side]);
  }
  for (const key of Object.keys(sides)) {
    if (key !== 'width' && key !== 'height')
      throw unknownField(`${field}.${key}`, [`${field}.width`, `${field}.height`]);
  }
  try {
    checkSize(sides as unknown as { width: number; height: number });
  } catch (error) {
    if (!isFluxError(error)) throw error;
    throw new InputError(error.message, { code: error.code, details: { ...error.details, field } });
  }
}

export function missing(field: string): InputError {
  return new InputError(`${field} is required`, { code: 'input/required', details: { field } });
}

/** A field of the contract, or of a neighbouring one, that cannot do what it asks. */
export function unsupported(field: string, message: string): InputError {
  return new InputError(message, { code: 'input/field-unsupported', details: { field } });
}

export function unknownField(name: string, known: readonly string[], hint = ''): InputError {
  const field = name.slice(0, 40);
  return unsupported(field, `field "${field}" is not supported${hint}; supported: ${known.join(', ')}`);
}

export function wrongType(field: string, expected: string, value: unknown): InputError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  return new InputError(`${field} must be ${expected}, got ${got}`, { code: 'input/type', details: { field } });
}

function outOfRange(field: string, expected: string, value: unknown): InputError {
  return failure('input/out-of-range', field, `${field} must be ${expected}`, value);
}

function failure(code: ErrorCode, field: string, expected: string, value: unknown): InputError {
  // A value in a message is short, and strings are in quotes.
  const got = typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
  return new InputError(`${expected}, got ${got}`, { code, details: { field } });
}
