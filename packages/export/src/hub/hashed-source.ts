import { ModelError } from '@flux-srpo/core';
import { type ByteSource, createSha256 } from '@flux-srpo/formats';

/**
 * A source whose SHA-256 (lower-case hex) is compared once it was read from its first to its last
 * byte in order, as small files and LoRAs are. Other reads pass unhashed.
 */
export function hashedSource(source: ByteSource, sha256: string): ByteSource {
  /** Where the next read goes on, if it does. */
  let at = 0;
  let hash: Awaited<ReturnType<typeof createSha256>> | undefined;
  return {
    ...source,
    async read(offset, length, signal, into) {
      const bytes = await source.read(offset, length, signal, into);
      if (length === 0) return bytes;
      if (offset === 0) {
        hash = await createSha256();
        at = 0;
      }
      if (hash === undefined || offset !== at) {
        hash = undefined;
        return bytes;
      }
      hash.update(bytes);
      at += length;
      if (at < source.size) return bytes;
      const got = hash.hex();
      hash = undefined;
      if (got === sha256) return bytes;
      throw new ModelError(
        `${source.name} must have the SHA-256 that the hub gives, ${sha256}, got ${got}; read it again`,
        { code: 'model/hash-mismatch', details: { name: source.name, expected: sha256, got } },
      );
    },
  };
}
