/** Web Crypto is everywhere; `core` is compiled without the types of any platform. */
declare const crypto: { getRandomValues(array: Uint32Array): Uint32Array };

/** A random seed from 0 to 2^32 − 1: as many bits as torch's generator uses. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}
