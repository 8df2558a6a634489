import { type BundleFile, isFluxError } from '@flux-srpo/core';
import { type ByteSource, createSha256 } from '@flux-srpo/formats';
import { checkFile, type FileCheck } from '../bundle/check-file.ts';
import type { SourceFolder } from '../sources/source-folder.ts';

/** How a file of a bundle compares with the manifest. */
export type FileVerdict = FileCheck | 'missing';

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
    const whole = await createSha256();
    const check = await checkFile(file, expected, { chunkBytes, signal, onChunk: (chunk) => whole.update(chunk) });
    return check === 'ok' && whole.hex() !== expected.sha256 ? 'wrong hash' : check;
  } finally {
    await file.close?.();
  }
}
