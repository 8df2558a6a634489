import { InputError } from '@flux-srpo/core';

/** Longest text of a server's that an error repeats. */
export const MAX_SNIPPET = 200;
/** Shorter pieces of a key (`Key`, `Bearer`) are words. */
const MIN_SECRET = 6;
const REDACTED = '[redacted]';

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

/** Makes text of a server fit to be shown and logged, for those who must not learn the caller's keys. */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(value: string): void {
    for (const secret of [value, ...value.split(/\s+/)]) {
      if (secret.length < MIN_SECRET) continue;
      this.#secrets.add(secret);
      this.#secrets.add(encodeURIComponent(secret));
      this.#secrets.add(JSON.stringify(secret).slice(1, -1));
    }
  }

  /** @param isCut the text may end in the middle of a key */
  redact(text: string, isCut = false): string {
    const secrets = [...this.#secrets].sort((a, b) => b.length - a.length);
    let result = text;
    for (const secret of secrets) result = result.replaceAll(secret, REDACTED);
    return isCut ? result.slice(0, -(secrets[0]?.length ?? 0) || undefined) : result;
  }

  /** One plain line of at most 200 characters: no keys, markup, control or direction characters. */
  snippet(text: string, isCut = false): string {
    const line = this.redact(text, isCut)
      .replace(/<[^<>]*>/g, ' ')
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}<>]+/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    // Taking marks out can put a key together.
    const shown = this.redact(line);
    return shown.length > MAX_SNIPPET ? `${shown.slice(0, MAX_SNIPPET - 1)}…` : shown;
  }
}
