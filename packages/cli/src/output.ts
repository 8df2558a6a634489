import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { isFluxError, StorageError } from '@flux-srpo/core';

/** `picture.png` for one picture; `picture_0.png`, `picture_1.png`, … for several. */
export function outputPaths(path: string, count: number): string[] {
  if (count === 1) return [path];
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  return Array.from({ length: count }, (_, i) => `${stem}_${i}${extension}`);
}

/** Writes beside the target and renames, so that the file is either whole or not there. */
export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  await writeOutputInPieces(path, [bytes]);
}

/** {@link writeOutput} of something too large to hold: a piece at a time. */
export async function writeOutputInPieces(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await writeFile(partial, pieces);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    if (isFluxError(cause) || (cause as Error).name === 'AbortError') throw cause;
    throw new StorageError(
      `cannot write ${path}: ${(cause as NodeJS.ErrnoException).code ?? 'failed'} in ${dirname(path)}`,
      { code: 'storage/write-failed', details: { path }, cause },
    );
  }
}
