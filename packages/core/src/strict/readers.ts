import { InputError } from '../errors.ts';
import { fieldPath, refusal, required, unknownField, wrongType } from './refusal.ts';

/**
 * Readers for what a stranger wrote: a request's fields, a call's options, a JSON document.
 *
 * A reader takes a value and the path to it. It returns what it promises, or throws an `InputError`
 * that says which field, what was expected and what came. Objects are allow-lists: an unknown field
 * is refused, and results are built anew, so that no `__proto__` of the stranger's reaches ours.
 * Where the fault is not the caller's input, {@link readAs} makes another error of it.
 */
export type Read<T> = (value: unknown, path: string) => T;

/** One reader per field. A reader marked by `optional` lets its field be absent. */
export type Fields<T> = { [K in keyof T]-?: Read<Exclude<T[K], undefined>> & { isOptional?: true } };

/** Lets a field be absent or `undefined`. */
export function optional<T>(read: Read<T>): Read<T> & { isOptional: true } {
  return Object.assign((value: unknown, path: string) => read(value, path), { isOptional: true as const });
}

/** Both ends included. */
export function integer(min: number, max: number): Read<number> {
  const expected =
    max === Number.POSITIVE_INFINITY ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  return numeric(expected, (value) => Number.isInteger(value) && value >= min && value <= max);
}

/** Both ends included; never NaN. */
export function number(min: number, max: number): Read<number> {
  return numeric(`a number from ${min} to ${max}`, (value) => value >= min && value <= max);
}

/** A number for which `isValid` holds. */
export function numeric(expected: string, isValid: (value: number) => boolean): Read<number> {
  return (value, path) => {
    if (typeof value !== 'number') throw wrongType(path, expected, value);
    if (isValid(value)) return value;
    throw refusal(path, expected, value);
  };
}

export const boolean: Read<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw wrongType(path, 'true or false', value);
};

/** Any string, the empty one included. */
export const string: Read<string> = (value, path) => {
  if (typeof value === 'string') return value;
  throw wrongType(path, 'a string', value);
};

/** A string of 1 to `maxLength` characters on one line, without control characters. */
export function text(maxLength: number): Read<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return bounded(maxLength, /[\0-\x1f]/);
}

/** The same, of any number of lines. */
export function prose(maxLength: number): Read<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return bounded(maxLength, /[\0-\x08\x0b\x0c\x0e-\x1f]/);
}

function bounded(maxLength: number, refused: RegExp): Read<string> {
  const expected = `1 to ${maxLength} printable characters`;
  return such(string, expected, (value) => value.length > 0 && value.length <= maxLength && !refused.test(value));
}

export function matching(pattern: RegExp, expected: string): Read<string> {
  return such(string, expected, (value) => pattern.test(value));
}

/** What `read` takes, if `isValid` holds for it. */
export function such<T>(read: Read<T>, expected: string, isValid: (value: T) => boolean): Read<T> {
  return (value, path) => {
    const result = read(value, path);
    if (isValid(result)) return result;
    throw refusal(path, expected, value);
  };
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Read<T> {
  const expected = values.length === 1 ? JSON.stringify(values[0]) : `one of ${values.join(', ')}`;
  return (value, path) => {
    if (values.includes(value as T)) return value as T;
    throw typeof value === typeof values[0] ? refusal(path, expected, value) : wrongType(path, expected, value);
  };
}

export function list<T>(read: Read<T>, minLength: number, maxLength: number): Read<T[]> {
  const expected = `a list of ${minLength} to ${maxLength}`;
  return (value, path) => {
    if (!Array.isArray(value)) throw wrongType(path, expected, value);
    if (value.length < minLength || value.length > maxLength) throw refusal(path, expected, value);
    return value.map((each, i) => read(each, `${path}[${i}]`));
  };
}

/** An object whose keys are data. It has no prototype: `constructor` is the stranger's, or none. */
export function record<T>(readKey: Read<string>, read: Read<T>, maxLength: number): Read<Record<string, T>> {
  return (value, path) => {
    const entries = Object.entries(asObject(value, path));
    if (entries.length > maxLength) {
      throw refusal(path, `an object of at most ${maxLength} fields`, Array(entries.length));
    }
    const result: Record<string, T> = Object.create(null);
    for (const [key, each] of entries) {
      readKey(key, `${path} key`);
      result[key] = read(each, `${path}.${key}`);
    }
    return result;
  };
}

export function object<T>(fields: Fields<T>): Read<T> {
  const known = Object.keys(fields) as (keyof T & string)[];
  return (value, path) => {
    const source = asObject(value, path);
    for (const key of Object.keys(source))
      if (!Object.hasOwn(fields, key)) throw unknownField(fieldPath(path, key), known);
    const result: Partial<T> = {};
    for (const key of known) {
      const each = Object.hasOwn(source, key) ? source[key] : undefined;
      if (each !== undefined) result[key] = fields[key](each, fieldPath(path, key));
      else if (!fields[key].isOptional) throw required(fieldPath(path, key));
    }
    return result as T;
  };
}

/** What `read` takes, with a message that does not show it: for keys and passwords. */
export function secret<T>(read: Read<T>): Read<T> {
  return (value, path) =>
    readAs(
      () => read(value, path),
      ({ code, details: { expected } }) =>
        new InputError(`${path} must be ${expected}, got something else (not shown)`, {
          code,
          details: { field: path, expected },
        }),
    );
}

/** What `read` returns, or its refusal as the error that `tell` makes of it. */
export function readAs<T>(read: () => T, tell: (refusal: InputError) => Error): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof InputError ? tell(error) : error;
  }
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrongType(path, 'an object', value);
}
