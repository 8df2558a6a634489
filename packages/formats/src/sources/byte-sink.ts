import { joinBytes } from '@flux-srpo/core';

/** Something bytes are written to, in order. Whoever opened a sink closes it. */
export interface ByteSink {
  /** Resolves once the bytes are taken; the buffer may then be reused. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A sink that keeps everything in memory; for small files and tests. */
export function bytesSink(): ByteSink & { bytes(): Uint8Array<ArrayBuffer> } {
  const pieces: Uint8Array[] = [];
  return {
    async write(bytes) {
      pieces.push(bytes.slice());
    },
    async close() {},
    bytes: () => joinBytes(pieces),
  };
}
