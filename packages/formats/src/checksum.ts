import { createXXHash64 } from 'hash-wasm';

/** The checksum of bytes, in hex. */
export type Checksum = (bytes: Uint8Array) => string;

/**
 * XXH64 from a random start, six times as fast as SHA-256: says whether bytes that were checked
 * once are still the same. It is no proof against somebody who knows the start, so it never leaves
 * the process and vouches for nothing that SHA-256 has not seen.
 *
 * https://github.com/Cyan4973/xxHash/blob/v0.8.3/doc/xxhash_spec.md
 */
export async function createChecksum(): Promise<Checksum> {
  const [low, high] = crypto.getRandomValues(new Uint32Array(2)) as unknown as [number, number];
  const hasher = await createXXHash64(low, high);
  return (bytes) => hasher.init().update(bytes).digest('hex');
}
