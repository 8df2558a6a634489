import { readFile } from 'node:fs/promises';

/**
 * Conversions that end at a byte: a clock would end them before their first part or after their
 * last one, as the machine has time.
 */

/** Options of Node for the variables of `endAfter` and `countTo`. */
export const COUNTED = ['--import', new URL('./end-after-bytes.mjs', import.meta.url).href];

/** Variables for a process that gets the signal once it has written so many bytes. */
export function endAfter(bytes: number, signal: 'SIGKILL' | 'SIGINT'): Record<string, string> {
  return { END_AFTER_BYTES: String(Math.ceil(bytes)), END_SIGNAL: signal };
}

/** Variables for a process that says in the file at `path` how many bytes it has written. */
export function countTo(path: string): Record<string, string> {
  return { WRITTEN_BYTES_TO: path };
}

export async function countedAt(path: string): Promise<number> {
  return Number(await readFile(path, 'utf8'));
}

/** Steps of the golden ratio: shares spread over the work for any count, the same in every run. */
export function spreadShares(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Number((((i + 1) * 0.618034) % 1).toFixed(3)));
}
