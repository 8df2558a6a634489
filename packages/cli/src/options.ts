import { type ParseArgsConfig, parseArgs } from 'node:util';
import { InputError, isRounded, strict } from '@flux-srpo/core';

/** The command line itself is wrong. */
export class UsageError extends InputError {
  constructor(message: string) {
    super(message, { code: 'input/field-unsupported' });
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Node's own strict parser, its complaints turned into {@link UsageError}s of one line. */
export function parseOptions<const O extends Options>(args: string[], options: O) {
  try {
    return parseArgs({ args: joinNegativeNumbers(args), options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0] ?? 'the options cannot be read');
  }
}

/** `--seed -1` as `--seed=-1`: a number is a value for the engine to judge, not an option. */
function joinNegativeNumbers(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const last = joined.at(-1);
    if (/^-\d/.test(arg) && last?.startsWith('--') && !last.includes('=')) joined[joined.length - 1] = `${last}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

export function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new InputError(`${name} is required`, { code: 'input/required', details: { field: name } });
}

/** The one positional argument of a command. */
export function onlyPositional(positionals: readonly string[], what: string): string {
  if (positionals.length > 1)
    throw new UsageError(`expected one ${what}, got ${positionals.length}: ${positionals.join(' ')}`);
  return required(positionals[0], what);
}

const DECIMAL = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/**
 * A decimal number, for the engine to bound. "4x", "0x10", "" and "NaN" are not numbers. Nor is one
 * that JavaScript would read as another whole number: 2^53 + 1, or 1.00000000000000001.
 */
export function numberOption(value: string | undefined, name: string): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  const isNumber = DECIMAL.test(value.trim()) && Number.isFinite(number);
  const isUnsafe = Number.isInteger(number) && !Number.isSafeInteger(number);
  if (!isNumber || isUnsafe || isRounded(value)) {
    const expected = isNumber ? 'a number that can be kept exactly' : 'a number';
    throw new InputError(`--${name} must be ${expected}, got "${value}"`, {
      code: 'input/type',
      details: { field: name },
    });
  }
  return number;
}

/** An integer, both ends included. */
export function integerOption(value: string, name: string, min: number, max: number): number {
  return strict.integer(min, max)(numberOption(value, name), `--${name}`);
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** `2GB`, `1.5 GiB`, `500000000`. */
export function bytesOption(value: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b)?$/i.exec(value.trim());
  const unit = BYTES[(match?.[2] ?? '').toLowerCase().replace(/^b$/, '')];
  if (match === null || unit === undefined) {
    throw new InputError(`--${name} must be bytes like 2GB or 512MiB, got "${value}"`, {
      code: 'input/type',
      details: { field: name },
    });
  }
  return Number(match[1]) * unit;
}
