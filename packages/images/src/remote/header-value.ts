import { InputError } from '@flux-srpo/core';

const SECRET_HEADER = /auth|key|token|secret|cookie/i;

export function isSecretHeader(name: string): boolean {
  return SECRET_HEADER.test(name);
}

/**
 * Refuses what `fetch` could not send as it is. Its own complaints quote the value, so it never gets to make them.
 * @see https://fetch.spec.whatwg.org/#header-value
 */
export function checkHeaderValue(value: unknown, field: string): string {
  if (typeof value !== 'string' || value === '') {
    throw new InputError(`${field} must be a non-empty string, got ${value === '' ? 'an empty one' : typeof value}`, {
      code: 'input/type',
      details: { field },
    });
  }
  if (!/^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(value)) {
    throw new InputError(
      `${field} must be one line of Latin-1 without spaces at its ends, got something else (not shown); is there a line break behind it?`,
      { code: 'input/out-of-range', details: { field } },
    );
  }
  return value;
}
