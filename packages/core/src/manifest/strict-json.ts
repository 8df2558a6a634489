import { ModelError } from '../errors.ts';

/**
 * Readers for JSON that a stranger wrote: each takes a value and the path to it and returns what it promises or throws
 * `model/manifest-invalid` saying which field, what was expected and what came. Objects are allow-lists: a field nobody asked for is
 * refused, and results are built anew, so that no `__proto__` of the file's reaches ours.
 */

export type Read<T> = (value: unknown, path: string) => T;

/** One reader per field. A reader marked by `optional` lets its field be absent. */
export type Fields<T> = { [K in keyof T]-?: Read<Exclude<T[K], undefined>> & { isOptional?: true } };

export function optional<T>(read: Read<T>): Read<T> & { isOptional: true } {
  return Object.assign((value: unknown, path: string) => read(value, path), { isOptional: true as const });
}

export function integer(min: number, max: number): Read<number> {
  return (value, path) => {
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    throw invalid(path, `an integer from ${min} to ${max}`, value);
  };
}

export function number(min: number, max: number): Read<number> {
  return (value, path) => {
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw invalid(path, `a number from ${min} to ${max}`, value);
  };
}

export const boolean: Read<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value;
  throw invalid(path, 'true or false', value);
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
  return (value, path) => {
    if (typeof value === 'string' && value.length > 0 && value.length <= maxLength && !refused.test(value)) {
      return value;
    }
    throw invalid(path, `1 to ${maxLength} printable characters`, value);
  };
}

export function matching(pattern: RegExp, expected: string): Read<string> {
  return (value, path) => {
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw invalid(path, expected, value);
  };
}

export function oneOf<const T extends string | number>(...values: readonly T[]): Read<T> {
  return (value, path) => {
    if (values.includes(value as T)) return value as T;
    throw invalid(path, values.map((each) => JSON.stringify(each)).join(' or '), value);
  };
}

export function list<T>(read: Read<T>, minLength: number, maxLength: number): Read<T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length < minLength || value.length > maxLength) {
      const got = Array.isArray(value) ? `a list of ${value.length}` : value;
      throw invalid(path, `a list of ${minLength} to ${maxLength}`, got);
    }
    return value.map((each, i) => read(each, `${path}[${i}]`));
  };
}

/** An object whose keys are data. The result has no prototype: `record['constructor']` is what the file says or undefined. */
export function record<T>(readKey: Read<string>, read: Read<T>, maxLength: number): Read<Record<string, T>> {
  return (value, path) => {
    const entries = Object.entries(asObject(value, path));
    if (entries.length > maxLength) throw invalid(path, `at most ${maxLength} fields`, `${entries.length} fields`);
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
    for (const key of Object.keys(source)) {
      if (!Object.hasOwn(fields, key)) throw invalid(join(path, key), 'no such field', source[key]);
    }
    const result: Partial<T> = {};
    for (const key of known) {
      if (Object.hasOwn(source, key)) result[key] = fields[key](source[key], join(path, key));
      else if (!fields[key].isOptional) throw invalid(join(path, key), 'a value', undefined);
    }
    return result as T;
  };
}

export function invalid(path: string, expected: string, got: unknown): ModelError {
  const shown = show(got);
  return new ModelError(`manifest: ${path || 'the document'} must be ${expected}, got ${shown}`, {
    code: 'model/manifest-invalid',
    details: { field: path, expected, got: shown },
  });
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(path, 'an object', value);
}

function join(path: string, key: string): string {
  const shown = key.slice(0, 80);
  return path === '' ? shown : `${path}.${shown}`;
}

/** Short, whatever a stranger put there. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value);
}
