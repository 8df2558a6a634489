/**
 * The Mersenne Twister MT19937, 32-bit, as PyTorch's CPU generator seeds and steps it.
 * @see M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998
 * @see https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/core/MT19937RNGEngine.h
 */

const SIZE = 624;
const SHIFT = 397;
const MATRIX = 0x9908b0df;
const UPPER = 0x80000000;
const LOWER = 0x7fffffff;

export class Mt19937 {
  readonly #state = new Uint32Array(SIZE);
  #next = SIZE;

  /** @param seed only its low 32 bits count, as in PyTorch */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let j = 1; j < SIZE; j++) {
      const previous = state[j - 1]!;
      state[j] = Math.imul(1812433253, previous ^ (previous >>> 30)) + j;
    }
  }

  /** The next draw, uniform over 0 … 2^32 − 1. */
  random32(): number {
    if (this.#next === SIZE) this.#refill();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in [0, 1) with 53 bits, from two draws, the first one high. */
  uniform53(): number {
    const high = this.random32() & 0x1fffff;
    return (high * 2 ** 32 + this.random32()) * 2 ** -53;
  }

  #refill(): void {
    const state = this.#state;
    for (let j = 0; j < SIZE; j++) {
      const y = (state[j]! & UPPER) | (state[(j + 1) % SIZE]! & LOWER);
      state[j] = state[(j + SHIFT) % SIZE]! ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0);
    }
    this.#next = 0;
  }
}
