import { FormatError } from '@flux-srpo/core';

/**
 * Far above any network of this family: a config that claims more is a mistake or an attack. The
 * manifest has the same bounds.
 */
const MAX_DIMENSION = 1 << 17;
const MAX_LAYERS = 1024;

/**
 * Reads the fields of one config file. Errors name the file, the field, what was expected and what
 * came.
 */
export class ConfigFields {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(path: string, values: Readonly<Record<string, unknown>>) {
    this.path = path;
    this.#values = values;
  }

  /** Whatever the file has there. */
  value(field: string): unknown {
    return this.#get(field, undefined);
  }

  /**
   * A width or count. A missing field takes `fallback`, where the library that wrote the file has a
   * default.
   */
  dimension(field: string, fallback?: number): number {
    return this.#integer(field, 1, MAX_DIMENSION, fallback);
  }

  /** A number of layers or heads. */
  count(field: string, min: 0 | 1 = 1): number {
    return this.#integer(field, min, MAX_LAYERS, undefined);
  }

  /** A token id. */
  id(field: string, fallback?: number): number {
    return this.#integer(field, 0, MAX_DIMENSION, fallback);
  }

  number(field: string, fallback?: number): number {
    const value = this.#get(field, fallback);
    return typeof value === 'number' && Number.isFinite(value) ? value : this.refuse(field, 'a finite number', value);
  }

  positive(field: string, fallback?: number): number {
    const value = this.number(field, fallback);
    return value > 0 ? value : this.refuse(field, 'a number above 0', value);
  }

  boolean(field: string, fallback?: boolean): boolean {
    const value = this.#get(field, fallback);
    return typeof value === 'boolean' ? value : this.refuse(field, 'true or false', value);
  }

  /** A list of widths, at most 16 long. */
  dimensions(field: string, fallback?: readonly number[]): number[] {
    const value = this.#get(field, fallback);
    const valid =
      Array.isArray(value) &&
      value.length >= 1 &&
      value.length <= 16 &&
      value.every((item) => Number.isInteger(item) && item >= 1 && item <= MAX_DIMENSION);
    return valid ? value : this.refuse(field, 'a list of 1 to 16 positive integers', value);
  }

  /** One of the values that the graphs support. A missing field takes `fallback`. */
  oneOf<const T extends string | number | boolean | null>(field: string, allowed: readonly T[], fallback?: T): T {
    const value = this.#get(field, fallback);
    const found = allowed.find((item) => item === value);
    return found === undefined
      ? this.refuse(field, allowed.map((item) => JSON.stringify(item)).join(' or '), value)
      : found;
  }

  /** A list with the same word `length` times. */
  listOf(field: string, word: string, length: number): void {
    const value = this.#get(field, undefined);
    const valid = Array.isArray(value) && value.length === length && value.every((item) => item === word);
    if (!valid) this.refuse(field, `${length} times ${word}`, value);
  }

  /** An entry of `model_index.json`: `[library, class]`. */
  component(field: string, classes: readonly string[]): void {
    const value = this.#get(field, undefined);
    const valid = Array.isArray(value) && value.length === 2 && classes.includes(value[1]);
    if (!valid) this.refuse(field, `a ${classes.join(' or ')}`, value);
  }

  refuse(field: string, expected: string, got: unknown): never {
    const shown = got === undefined ? 'nothing' : JSON.stringify(got);
    throw new FormatError(`${this.path}: ${field} must be ${expected}, got ${shown}; this model cannot be converted`, {
      code: 'format/config-unsupported',
      details: { path: this.path, field, expected, got: got ?? null },
    });
  }

  #integer(field: string, min: number, max: number, fallback: number | undefined): number {
    const value = this.#get(field, fallback);
    const valid = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    return valid ? value : this.refuse(field, `an integer from ${min} to ${max}`, value);
  }

  #get(field: string, fallback: unknown): unknown {
    const value = Object.hasOwn(this.#values, field) ? this.#values[field] : undefined;
    return value === undefined ? fallback : value;
  }
}
