import type { ErrorCode } from '../error-codes.ts';
import { InputError } from '../errors.ts';

/** For a value of the right type that is not among those taken. */
export function refusal(
  path: string,
  expected: string,
  got: unknown,
  code: ErrorCode = 'input/out-of-range',
): InputError {
  const shown = show(got);
  return new InputError(`${path || 'the document'} must be ${expected}, got ${shown}`, {
    code,
    details: { field: path, expected, got: shown },
  });
}

export function wrongType(path: string, expected: string, got: unknown): InputError {
  return refusal(path, expected, got, 'input/type');
}

export function required(path: string): InputError {
  return new InputError(`${path} is required`, { code: 'input/required', details: { field: path } });
}

export function unknownField(path: string, known: readonly string[]): InputError {
  return new InputError(`field "${path}" is not supported; supported: ${known.join(', ')}`, {
    code: 'input/field-unsupported',
    details: { field: path },
  });
}

/** Longest part of a stranger's text in a message, in characters. */
const MAX_SHOWN = 80;

/** The path of a field within an object at `path`; empty for the document itself. */
export function fieldPath(path: string, key: string): string {
  const shown = key.slice(0, MAX_SHOWN);
  return path === '' ? shown : `${path}.${shown}`;
}

/** Short, whatever a stranger put there. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'function') return 'a function';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, MAX_SHOWN)) : String(value);
}
