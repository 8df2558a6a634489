import type { FormatError } from '@flux-srpo/core';
import { showName } from '../show-name.ts';
import { headerError } from './header-errors.ts';

/** Far above any model (FLUX.1: 1,160 tensors); so many objects cannot fill the memory. */
const MAX_KEYS = 200_000;

const MAX_RANK = 32;

/**
 * Reads the few kinds of JSON that a safetensors header may have, with all checks, in one pass.
 *
 * Not `JSON.parse`, which keeps the last of two equal keys, accepts 1e3 and 1.0 for 1000 and 1,
 * rounds integers beyond 2^53 and follows any nesting.
 */
export class HeaderScanner {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  /** @param name of the file, for messages */
  constructor(bytes: Uint8Array, name: string) {
    this.#text = decodeUtf8(bytes, name);
    this.#name = name;
    if (this.#text[0] !== '{') throw this.error('must begin with "{"');
  }

  /** Refuses anything but white space after what was read. */
  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw this.error('must end after its object');
  }

  /** Whether `word` comes next; it is read then. */
  word(word: string): boolean {
    this.#space();
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** `{ "key": value, … }`; `visit` parses the value. */
  object(visit: (key: string) => void): void {
    this.#expect('{');
    if (this.word('}')) return;
    const seen = new Set<string>();
    do {
      const key = this.string('a key');
      if (seen.has(key)) throw this.error(`must not repeat key "${showName(key)}"`);
      if (seen.size === MAX_KEYS) throw this.error(`must have up to ${MAX_KEYS} entries`);
      seen.add(key);
      this.#expect(':');
      visit(key);
    } while (this.word(','));
    this.#expect('}');
  }

  integers(): number[] {
    this.#expect('[');
    const out: number[] = [];
    if (this.word(']')) return out;
    do {
      this.#space();
      INTEGER.lastIndex = this.#at;
      const digits = INTEGER.exec(this.#text)?.[0];
      const value = Number(digits);
      if (digits === undefined || !Number.isSafeInteger(value)) throw this.error('must have plain integers up to 2^53');
      if (out.length === MAX_RANK) throw this.error(`must have shapes of up to ${MAX_RANK} dimensions`);
      this.#at += digits.length;
      out.push(value);
    } while (this.word(','));
    this.#expect(']');
    return out;
  }

  string(what: string): string {
    if (!this.word('"')) throw this.error(`must have ${what} as a string`);
    const start = this.#at;
    let isEscaped = false;
    // Not a regular expression: it would keep a way back for every character of a hostile name.
    for (let code = 0; ; this.#at++) {
      code = this.#text.charCodeAt(this.#at); // NaN at the end
      if (code === QUOTE) break;
      if (!(code >= 0x20)) throw this.error('must close its strings and escape control characters');
      if (code !== BACKSLASH) continue;
      isEscaped = true;
      this.#at++;
    }
    const literal = this.#text.slice(start, this.#at++);
    return isEscaped ? this.#unescape(literal) : literal;
  }

  #unescape(literal: string): string {
    let value: string;
    try {
      value = JSON.parse(`"${literal}"`);
    } catch {
      throw this.error(`must escape as JSON does in "${showName(literal)}"`);
    }
    if (LONE_SURROGATE.test(value)) throw this.error('must not escape half a character');
    return value;
  }

  #expect(char: string): void {
    if (!this.word(char)) throw this.error(`must have "${char}"`);
  }

  #space(): void {
    while (SPACE.has(this.#text[this.#at] ?? '')) this.#at++;
  }

  error(rule: string): FormatError {
    const got = this.#text.slice(this.#at, this.#at + 24);
    return headerError(
      this.#name,
      `${rule}, got ${got === '' ? 'its end' : JSON.stringify(got)} at character ${this.#at}`,
    );
  }
}

const SPACE = new Set([' ', '\n', '\r', '\t']);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
// Sixteen digits hold 2^53; the lookahead refuses 007, 1.5 and 1e3.
const INTEGER = /(?:0|[1-9]\d{0,15})(?![\d.eE])/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    // A byte order mark stays in the text, so it is refused like anything else before the brace.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw headerError(name, 'must be UTF-8, got bytes that are not', undefined, cause);
  }
}
