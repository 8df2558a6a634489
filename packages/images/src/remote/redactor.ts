/** Longest text of a server's that an error repeats. */
const MAX_SNIPPET = 200;
/** Shorter pieces of a key (`Key`, `Bearer`) are words, and are shown. */
const MIN_PIECE = 8;
/** Shorter keys are shown too: they could be any word. */
const MIN_KEY = 4;
const REDACTED = '[redacted]';

/**
 * Takes the caller's keys out of a server's text, so that it can be shown and logged.
 */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(value: string): void {
    const pieces = value.split(/\s+/);
    if (value.length >= MIN_KEY) this.#secrets.add(pieces.join(' '));
    for (const piece of pieces) if (piece.length >= MIN_PIECE) this.#secrets.add(piece);
  }

  /** One plain line of at most 200 characters: no keys, markup, control or direction characters. */
  snippet(text: string, isCut = false): string {
    const line = decodeEscapes(text)
      .replace(/<[^<>]*>/g, ' ')
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}<>\s]+/gu, ' ')
      .trim();
    const shown = this.#redact(isCut ? this.#withoutStartedKey(line) : line);
    return shown.length > MAX_SNIPPET ? `${shown.slice(0, MAX_SNIPPET - 1)}…` : shown;
  }

  #redact(line: string): string {
    if (this.#secrets.size === 0) return line;
    const longestFirst = [...this.#secrets].sort((a, b) => b.length - a.length);
    // Markup within a key has become a blank.
    const patterns = longestFirst.map((secret) => [...secret].map((each) => each.replace(/\W/, '\\$&')).join(' ?'));
    return line.replace(new RegExp(patterns.join('|'), 'gi'), REDACTED);
  }

  /** A text that was cut may end in the first half of a key. */
  #withoutStartedKey(line: string): string {
    for (const secret of this.#secrets) {
      for (let length = secret.length - 1; length >= MIN_KEY; length--) {
        if (line.endsWith(secret.slice(0, length))) return line.slice(0, -length) + REDACTED;
      }
    }
    return line;
  }
}

/** Characters by code, as JSON (`\u0073`), URLs (`%73`) and HTML (`&#115;`, `&#x73;`) have them. */
function decodeEscapes(text: string): string {
  const escapes = /\\u([0-9a-f]{4})|%([0-7][0-9a-f])|&#x([0-9a-f]{1,6});|&#(\d{1,7});/gi;
  return text
    .replace(escapes, (_, json, url, html, decimal) => {
      const code = Number(decimal ?? `0x${json ?? url ?? html}`);
      return code <= 0x10ffff ? String.fromCodePoint(code) : ' ';
    })
    .replace(/\\(["\\/])/g, '$1');
}
