import { contentRange } from './answer-headers.ts';
import { badAnswer } from './http-errors.ts';

/** Throws for an answer with other bytes than `offset` up to `end` of a file of `size`. */
export function checkContentRange(
  name: string,
  response: Response,
  { offset, end, size }: { offset: number; end: number; size: number },
): void {
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw badAnswer(name, `must answer ranges uncompressed, got content-encoding "${encoding}"`);
  }
  const range = contentRange(response);
  // Hidden from cross-origin pages unless exposed. The body's length is checked anyway.
  if (range === undefined) return;
  if (range.start === offset && range.end === end && (range.total === undefined || range.total === size)) return;
  const got = response.headers.get('content-range');
  throw badAnswer(name, `must answer with bytes ${offset}-${end - 1}/${size}, got "${got}"`);
}

/** Throws for a page: servers of single-page apps answer a missing file with theirs and 200. */
export function refusePage(name: string, response: Response): void {
  if (!response.headers.get('content-type')?.includes('text/html')) return;
  throw badAnswer(name, 'must be a file, got an HTML page; check the address');
}
