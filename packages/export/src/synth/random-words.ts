/**
 * Seeded random 32-bit words. Word `i` of a stream is a hash of `i` and the stream's key, so any
 * word can be made without the ones before.
 * @see https://github.com/skeeto/hash-prospector/blob/6958c28/README.md "Two round functions": [16 21f0aaad 15 d35a2d97 15]
 */
export class RandomWords {
  readonly #key: number;

  /** Seed and name hashed (FNV-1a) are the stream's key: each name has a stream of its own. */
  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5 ^ seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    this.#key = hash;
  }

  /** Fills `words` with words `first`, `first + 1`, … of the stream, uniform in 0 … 2³² − 1. */
  fill(words: Uint32Array, first: number): void {
    const key = this.#key;
    for (let i = 0; i < words.length; i++) {
      // Multiples of the golden ratio: a stream must not be another stream shifted.
      let x = Math.imul(first + i, 0x9e3779b9) ^ key;
      x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
      x = Math.imul(x ^ (x >>> 15), 0xd35a2d97);
      words[i] = x ^ (x >>> 15);
    }
  }
}
