import { checkSize, InputError } from '@flux-srpo/core';

/** One rule per kind of field; each throws an `InputError` that names the field, what was expected and what came. */

type Rule = (value: unknown, field: string) => void;

export function isOneOf<T>(values: readonly T[], value: unknown): value is T {
  return (values as readonly unknown[]).includes(value);
}

export const check = {
  text(value: unknown, field: string): void {
    if (typeof value !== 'string') throw wrongType(field, 'a string', value);
  },

  integer(min: number, max: number): Rule {
    return (value, field) => {
      if (typeof value !== 'number') throw wrongType(field, 'an integer', value);
      if (!Number.isInteger(value) || value < min || value > max) {
        throw outOfRange(field, `an integer from ${min} to ${max}`, value);
      }
    };
  },

  number(min: number, max: number): Rule {
    return (value, field) => {
      if (typeof value !== 'number') throw wrongType(field, 'a number', value);
      // NaN fails both comparisons.
      if (!(value >= min && value <= max)) throw outOfRange(field, `a number from ${min} to ${max}`, value);
    };
  },

  oneOf(values: readonly string[]): Rule {
    return (value, field) => {
      check.text(value, field);
      if (!isOneOf(values, value)) throw outOfRange(field, `one of ${values.join(', ')}`, value);
    };
  },

  /** A field of the contract of which this version can do one value. */
  only(supported: string | boolean): Rule {
    return (value, field) => {
      if (value === supported) return;
      if (typeof value !== typeof supported) throw wrongType(field, `a ${typeof supported}`, value);
      throw new InputError(`${field} can only be ${show(supported)} in this version, got ${show(value)}`, {
        code: 'input/field-unsupported',
        details: { field, supported },
      });
    };
  },
};

export function checkImageSize(value: unknown, field: string): void {
  if (typeof value !== 'object' || value === null) throw wrongType(field, 'an object { width, height }', value);
  const { width, height } = value as { width?: unknown; height?: unknown };
  if (typeof width !== 'number') throw wrongType(`${field}.width`, 'an integer', width);
  if (typeof height !== 'number') throw wrongType(`${field}.height`, 'an integer', height);
  checkSize({ width, height });
}

function wrongType(field: string, expected: string, value: unknown): InputError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
  return new InputError(`${field} must be ${expected}, got ${got}`, { code: 'input/type', details: { field } });
}

function outOfRange(field: string, expected: string, value: unknown): InputError {
  return new InputError(`${field} must be ${expected}, got ${show(value)}`, {
    code: 'input/out-of-range',
    details: { field },
  });
}

/** A value for a message: short, and strings in quotes. */
function show(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, 40)}"` : String(value);
}
