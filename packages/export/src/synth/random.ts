/**
 * Seeded random bits, fast enough for gigabytes.
 *
 * @see Marsaglia, "Xorshift RNGs", 2003: the 32-bit generator (13, 17, 5)
 */
export class RandomBits {
  #state: number;

  /** Two names never share a stream: the seed is hashed with the name (FNV-1a). */
  constructor(seed: number, name: string) {
    let hash = 0x811c9dc5 ^ seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    // Xorshift stays at zero for good.
    this.#state = hash === 0 ? 1 : hash;
  }

  /** Fills `words` with uniform 32-bit words. */
  fill(words: Uint32Array): void {
    let x = this.#state;
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x;
    }
    this.#state = x;
  }

  /** `count` numbers, uniform in [−1, 1). */
  uniform(count: number): Float32Array {
    const words = new Uint32Array(count);
    this.fill(words);
    return Float32Array.from(words, (word) => word / 2 ** 31 - 1);
  }
}
