import { type BundleFile, isFluxError } from '@flux-srpo/core';
import { type ByteSource, createSha256, sha256Hex } from '@flux-srpo/formats';
import type { SourceFolder } from '../sources/source-folder.ts';

/** How a file of a bundle compares with the manifest. */
export type FileVerdict = 'ok' | 'missing' | 'wrong size' | 'wrong hash';

/** Reads the whole file and compares size, every chunk's hash and the file's hash. */
export async function verifyFile(
  source: SourceFolder,
  expected: BundleFile,
  chunkBytes: number,
  signal?: AbortSignal,
): Promise<FileVerdict> {
  let file: ByteSource;
  try {
    file = await source.open(expected.path);
  } catch (error) {
    if (isFluxError(error, 'model/file-missing')) return 'missing';
    throw error;
  }
  try {
    if (file.size !== expected.size) return 'wrong size';
    const whole = await createSha256();
    for (const [i, hash] of expected.chunks.entries()) {
      const offset = i * chunkBytes;
      const chunk = await file.read(offset, Math.min(chunkBytes, file.size - offset), signal);
      if ((await sha256Hex(chunk)) !== hash) return 'wrong hash';
      whole.update(chunk);
    }
    return whole.hex() === expected.sha256 ? 'ok' : 'wrong hash';
  } finally {
    await file.close?.();
  }
}
