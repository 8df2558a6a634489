import { type Bytes, type Checksum, createChecksum, sha256Hex } from '@flux-srpo/formats';

/**
 * Whether bytes are the chunk of a hash. Each is compared by SHA-256 twice, which is all that a
 * generation needs whose weights stay. Weights that are streamed are read at every step: from the
 * third time on, a fast checksum that was taken of the same bytes at the second check says whether
 * they are still those. What has changed fails it, and is then hashed to say what it is.
 */
export class ChunkChecks {
  /** Hashes of chunks that were compared once. */
  readonly #seen = new Set<string>();
  /** Checksums of chunks by hash. */
  readonly #known = new Map<string, string>();
  #checksum: Promise<Checksum> | undefined;

  /** @returns the hash of `bytes`; `expected` where they are that chunk */
  async hash(bytes: Bytes, expected: string): Promise<string> {
    const known = this.#known.get(expected);
    if (known !== undefined && (await this.#sum(bytes)) === known) return expected;
    const got = await sha256Hex(bytes);
    if (got !== expected) return got;
    if (this.#seen.has(expected)) this.#known.set(expected, await this.#sum(bytes));
    this.#seen.add(expected);
    return got;
  }

  async #sum(bytes: Bytes): Promise<string> {
    this.#checksum ??= createChecksum();
    return (await this.#checksum)(bytes);
  }
}
