import { type BundleFile, CHUNK_BYTES } from '@flux-srpo/core';
import { type ByteSource, sha256Hex } from '@flux-srpo/formats';

/** How a file of a bundle compares with what the manifest says of it. */
export type FileCheck = 'ok' | 'wrong size' | 'wrong hash';

/** Reads the whole file and compares its size and the hash of every chunk. */
export async function checkFile(
  source: ByteSource,
  { size, chunks }: BundleFile,
  { chunkBytes = CHUNK_BYTES, signal, onChunk }: CheckOptions = {},
): Promise<FileCheck> {
  if (source.size !== size) return 'wrong size';
  for (const [i, expected] of chunks.entries()) {
    const offset = i * chunkBytes;
    const chunk = await source.read(offset, Math.min(chunkBytes, size - offset), signal);
    if ((await sha256Hex(chunk)) !== expected) return 'wrong hash';
    onChunk?.(chunk);
  }
  return 'ok';
}

interface CheckOptions {
  chunkBytes?: number;
  signal?: AbortSignal | undefined;
  /** Gets each chunk that is right. */
  onChunk?: (chunk: Uint8Array) => void;
}
