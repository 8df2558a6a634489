/** Posts of one request at most: the first and two more. */
export const MAX_POSTS = 3;
/** A server that wants a longer pause is not waited for. */
const MAX_PAUSE_MS = 60_000;

/** Statuses that say, together with `Retry-After`, that the request was not taken on. */
const NOT_ACCEPTED: readonly number[] = [429, 503];

/**
 * Milliseconds until the request may be sent again; `undefined` when it must not be. A picture costs time and money, so a second
 * request is sent only where the server has said that it did not accept the first, and when it wants the next.
 */
export function pauseBeforeRetry({ status, headers }: Pick<Response, 'status' | 'headers'>): number | undefined {
  const retryAfter = headers.get('retry-after')?.trim();
  if (!NOT_ACCEPTED.includes(status) || !retryAfter || headers.get('x-should-retry') === 'false') return undefined;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  // NaN fails the comparison.
  return ms <= MAX_PAUSE_MS ? Math.max(0, ms) : undefined;
}
