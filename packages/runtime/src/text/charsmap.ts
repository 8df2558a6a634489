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

  /** @param base64 bytes of the trie as a uint32, the trie, the texts */
  constructor(base64: string) {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const size = bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0, true);
    if (size % 4 !== 0 || size === 0 || 4 + size > bytes.length) {
      throw new Error(`a charsmap must begin with the bytes of its trie, got ${size} of ${bytes.length} bytes`);
    }
    this.#trie = new Uint32Array(bytes.buffer, 4, size / 4);
    this.#texts = bytes.subarray(4 + size);
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

const HAS_LEAF = 1 << 8;
/** The highest bit marks a leaf, which is no byte. */
const LABEL = 0x80_00_00_ff;
const VALUE = 0x7f_ff_ff_ff;

/** How far a unit's children are, by exclusive or. */
function offset(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}
