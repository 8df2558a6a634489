import { InputError, isSizePreset, parseSize, SIZE_PRESETS, strict } from '@flux-srpo/core';
import type { ImageRequest } from './request.ts';

/** Readers for fields that need more than a plain type and a range. */

/**
 * @param elsewhere values of the same field in other services. They are understood, and refused
 */
export function oneOf<const T extends string>(values: readonly T[], elsewhere: readonly string[]): strict.Read<T> {
  const read = strict.oneOf(...values);
  return (value, field) => {
    if (!elsewhere.includes(value as string)) return read(value, field);
    throw unsupported(field, `${field} "${value}" is not supported; one of ${values.join(', ')}`);
  };
}

/** A preset's name, `WIDTHxHEIGHT`, or `auto`, which leaves it to the model. */
export const size: strict.Read<NonNullable<ImageRequest['size']>> = (value, field) => {
  const text = strict.string(value, field);
  if (text === 'auto' || isSizePreset(text)) return text;
  const { width, height } = parseSize(text, field, SIZE_PRESETS);
  return `${width}x${height}`;
};

/** The error for a field that asks for something this model cannot do. */
export function unsupported(field: string, message: string): InputError {
  return new InputError(message, { code: 'input/field-unsupported', details: { field } });
}

/** The error for a field that must be there. @param how or when it must */
export function required(field: string, how: string): InputError {
  return new InputError(`${field} is required, ${how}`, { code: 'input/required', details: { field } });
}

/** The error for two things that exclude each other. */
export function conflict(field: string, message: string): InputError {
  return new InputError(message, { code: 'input/conflict', details: { field } });
}
