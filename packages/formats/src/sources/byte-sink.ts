import { joinBytes } from '@flux-srpo/core';

/** Takes bytes in order. Whoever opened a sink closes it. */
export interface ByteSink {
  /** Resolves once the bytes are taken. The buffer may be reused then. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A sink that keeps everything in memory, for small files. */
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
