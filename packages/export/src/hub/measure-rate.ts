import type { SourceFolder } from '../sources/source-folder.ts';

const PIECE = 1024 * 1024;
const MAX_PIECES = 16;
const MAX_MS = 2000;
/** What a conversion does on two cores, whatever the source gives: SPEED.md, "Conversion". */
const CONVERSION_RATE = 230e6;

/**
 * Bytes a second that a conversion can expect: reads up to 16 MiB of the transformer's file, for
 * two seconds at most. Undefined for a file too small to tell.
 */
export async function measureRate(source: SourceFolder): Promise<number | undefined> {
  const path = source.singleFiles?.transformer;
  if (path === undefined) return undefined;
  const file = await source.open(path);
  try {
    if (file.size < MAX_PIECES * PIECE) return undefined;
    const started = performance.now();
    let pieces = 0;
    let elapsed = 0;
    while (pieces < MAX_PIECES && elapsed < MAX_MS) {
      await file.read(pieces++ * PIECE, PIECE);
      elapsed = performance.now() - started;
    }
    return Math.min(CONVERSION_RATE, ((pieces * PIECE) / elapsed) * 1000);
  } finally {
    await file.close?.();
  }
}
