import { ModelError } from '@flux-srpo/core';

/**
 * sentencepiece's map for normalizing texts, as the tokenizers library applies it: what T5 was
 * trained with. `String.normalize('NFKC')`, which transformers.js takes for it, differs where marks
 * are stacked (`ế` of three code points) and in a dozen signs.
 * @see https://github.com/huggingface/tokenizers/blob/v0.21.0/tokenizers/src/normalizers/precompiled.rs
 * @see https://github.com/huggingface/spm_precompiled/blob/v0.1.4/src/lib.rs `Precompiled::transform`
 */
export class Charsmap {
  /** A double array over the bytes of UTF-8. */
  readonly #trie: Uint32Array;
  /** What keys become, each ended by a zero. */
  readonly #texts: Uint8Array;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

  /**
   * @param base64 bytes of the trie as a uint32, the trie, the texts
   * @param path of the file that it is in, for messages
   * @throws ModelError
   */
  constructor(base64: string, path: string) {
    const bytes = decodeBase64(base64, path);
    const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0, true);
    if (size % 4 !== 0 || size === 0 || 4 + size > bytes.length) {
      throw invalid(path, 'begin with the bytes of its trie', `${size} of ${bytes.length} bytes`);
    }
    this.#trie = new Uint32Array(bytes.buffer, 4, size / 4);
    this.#texts = bytes.subarray(4 + size);
    const longest = longestText(this.#texts);
    if (longest > MAX_TEXT_BYTES) throw invalid(path, `have texts of at most ${MAX_TEXT_BYTES} bytes`, `${longest}`);
  }

  /** Characters as one sees them are looked up whole where they are short, else code by code. */
  normalize(text: string): string {
    let out = '';
    for (const { segment } of this.#graphemes.segment(text)) {
      const whole = this.#encoder.encode(segment).length < MAX_KEY_BYTES ? this.#find(segment) : undefined;
      out += whole ?? Array.from(segment, (char) => this.#find(char) ?? char).join('');
    }
    return out;
  }

  /**
   * What the shortest key that `text` begins with becomes. The rest of `text` is lost then: so it
   * is where T5's own tokenizer was made.
   */
  #find(text: string): string | undefined {
    let unit = this.#trie[0]!;
    let at = offset(unit);
    for (const byte of this.#encoder.encode(text)) {
      if (byte === 0) return undefined;
      at ^= byte;
      unit = this.#trie[at] ?? 0;
      if ((unit & LABEL) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if ((unit & HAS_LEAF) === 0) continue;
      const start = this.#trie[at]! & VALUE;
      const end = this.#texts.indexOf(0, start);
      return this.#decoder.decode(this.#texts.subarray(start, end < 0 ? undefined : end));
    }
    return undefined;
  }
}

/** Longer ones are looked up code by code. */
const MAX_KEY_BYTES = 6;

/** The longest of T5's has 33. A longer one could make a long prompt endless. */
const MAX_TEXT_BYTES = 256;

const HAS_LEAF = 1 << 8;
/** The highest bit marks a leaf, which is no byte. */
const LABEL = 0x80_00_00_ff;
const VALUE = 0x7f_ff_ff_ff;

/** How far a unit's children are, by exclusive or. */
function offset(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}

function decodeBase64(base64: string, path: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    throw invalid(path, 'be base64', 'other characters');
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Bytes of the longest text, each of which ends at a zero or at the end. */
function longestText(texts: Uint8Array): number {
  let longest = 0;
  for (let start = 0; start < texts.length; ) {
    const end = texts.indexOf(0, start);
    const length = (end < 0 ? texts.length : end) - start;
    longest = Math.max(longest, length);
    start += length + 1;
  }
  return longest;
}

function invalid(path: string, rule: string, got: string): ModelError {
  return new ModelError(`the charsmap in ${path} must ${rule}, got ${got}; convert the model again`, {
    code: 'model/tokenizer-invalid',
    details: { path, expected: rule, got },
  });
}
