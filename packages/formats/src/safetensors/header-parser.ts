import { FormatError } from '@flux-srpo/core';
import { type Dtype, isDtype } from '../numbers/dtype.ts';
import { showName } from '../show-name.ts';
import { headerError, offsetError } from './header-errors.ts';

/**
 * The JSON header of a safetensors file, parsed strictly in one pass.
 *
 * Not `JSON.parse`, which keeps the last of two equal keys, accepts 1e3 and 1.0 for 1000 and 1,
 * rounds integers beyond 2^53 and follows any nesting. The grammar is so small that a parser with
 * all checks is short.
 *
 * @see https://github.com/huggingface/safetensors/blob/24b0b28/safetensors/src/tensor.rs
 *   `Metadata::validate`
 */

/** Far above any model (FLUX.1: 1,160 tensors); so many objects cannot fill the memory. */
const MAX_KEYS = 200_000;

const MAX_RANK = 32;

/** A tensor as the header describes it. */
export interface Entry {
  name: string;
  dtype: Dtype;
  shape: number[];
  /** Bytes from the start of the data. */
  begin: number;
  end: number;
}

/** Reads one header from its start to its end. */
export class HeaderParser {
  readonly #text: string;
  readonly #name: string;
  #at = 0;

  /**
   * @param bytes the header alone, without its length
   * @param name of the file, for messages
   */
  constructor(bytes: Uint8Array, name: string) {
    this.#text = decodeUtf8(bytes, name);
    this.#name = name;
  }

  parse(): { metadata: Map<string, string>; entries: Entry[] } {
    if (this.#text[0] !== '{') throw this.#error('must begin with "{"');
    const entries: Entry[] = [];
    const metadata = new Map<string, string>();
    this.#object((key) => {
      if (key === '__metadata__') this.#metadata(metadata);
      else entries.push(this.#entry(key));
    });
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('must end after its object');
    return { metadata, entries };
  }

  /** Texts by name, or `null`, which the reference implementation reads as none. */
  #metadata(metadata: Map<string, string>): void {
    this.#space();
    if (this.#text.startsWith('null', this.#at)) this.#at += 'null'.length;
    else this.#object((field) => metadata.set(field, this.#string('a metadata value')));
  }

  #entry(name: string): Entry {
    let dtype: Dtype | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.#object((field) => {
      if (field === 'dtype') dtype = this.#dtype(name);
      else if (field === 'shape') shape = this.#integers();
      else if (field === 'data_offsets') offsets = this.#integers();
      else throw this.#error(`must not have field "${showName(field)}" in tensor "${showName(name)}"`);
    });
    if (dtype === undefined || shape === undefined || offsets === undefined) {
      throw this.#error(`must give dtype, shape and data_offsets of tensor "${showName(name)}"`);
    }
    const [begin, end] = offsets;
    if (offsets.length !== 2 || begin === undefined || end === undefined || end < begin) {
      throw offsetError(
        this.#name,
        `tensor "${showName(name)}" must have offsets [begin, end], got [${offsets.slice(0, 4)}]`,
        { tensor: name },
      );
    }
    return { name, dtype, shape, begin, end };
  }

  #dtype(tensor: string): Dtype {
    const dtype = this.#string('a dtype');
    if (isDtype(dtype)) return dtype;
    throw new FormatError(`${this.#name}: tensor "${showName(tensor)}" has unknown dtype "${showName(dtype)}"`, {
      code: 'format/dtype-unsupported',
      details: { name: this.#name, tensor, dtype: showName(dtype) },
    });
  }

  /** `{ "key": value, … }`; `visit` parses the value. */
  #object(visit: (key: string) => void): void {
    this.#expect('{');
    if (this.#skip('}')) return;
    const seen = new Set<string>();
    do {
      const key = this.#string('a key');
      if (seen.has(key)) throw this.#error(`must not repeat key "${showName(key)}"`);
      if (seen.size === MAX_KEYS) throw this.#error(`must have up to ${MAX_KEYS} entries`);
      seen.add(key);
      this.#expect(':');
      visit(key);
    } while (this.#skip(','));
    this.#expect('}');
  }

  #integers(): number[] {
    this.#expect('[');
    const out: number[] = [];
    if (this.#skip(']')) return out;
    do {
      this.#space();
      INTEGER.lastIndex = this.#at;
      const digits = INTEGER.exec(this.#text)?.[0];
      const value = Number(digits);
      if (digits === undefined || !Number.isSafeInteger(value))
        throw this.#error('must have plain integers up to 2^53');
      if (out.length === MAX_RANK) throw this.#error(`must have shapes of up to ${MAX_RANK} dimensions`);
      this.#at += digits.length;
      out.push(value);
    } while (this.#skip(','));
    this.#expect(']');
    return out;
  }

  #string(what: string): string {
    if (!this.#skip('"')) throw this.#error(`must have ${what} as a string`);
    const start = this.#at;
    let isEscaped = false;
    // Not a regular expression: it would keep a way back for every character of a hostile name.
    for (let code = 0; ; this.#at++) {
      code = this.#text.charCodeAt(this.#at); // NaN at the end
      if (code === QUOTE) break;
      if (!(code >= 0x20)) throw this.#error('must close its strings and escape control characters');
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
      throw this.#error(`must escape as JSON does in "${showName(literal)}"`);
    }
    if (LONE_SURROGATE.test(value)) throw this.#error('must not escape half a character');
    return value;
  }

  #expect(char: string): void {
    if (!this.#skip(char)) throw this.#error(`must have "${char}"`);
  }

  #skip(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    while (SPACE.has(this.#text[this.#at] ?? '')) this.#at++;
  }

  #error(rule: string): FormatError {
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
