import { isFluxError, type RetryPolicy, retry } from '@flux-srpo/core';
import type { ByteSource } from './byte-source.ts';

export interface RetryOptions {
  /** Milliseconds before each further try; as many tries as there are delays. */
  delays?: readonly number[];
  /** What waits; see `RetryPolicy`. */
  wait?: RetryPolicy['wait'];
}

/** A dropped connection is back at once; a host that limits its callers asks for some seconds. */
const DELAYS = [500, 2_000, 8_000, 30_000];
/** For a server that has not answered yet: a wrong address should be told soon. */
const FIRST_DELAYS = [500, 2_000];
/** A server that asks for a longer pause is tried again after this one. */
const MAX_PAUSE_MS = 60_000;

/** Opens a source. Opening and reads are tried again after a broken connection or a busy server. */
export async function openRetrying(
  open: () => Promise<ByteSource>,
  { delays = DELAYS, wait }: RetryOptions = {},
): Promise<ByteSource> {
  const source = await retry(open, {
    pauseAfter: (error, tries) =>
      pauseAfter(error, (detail(error, 'status') === undefined ? FIRST_DELAYS : delays)[tries - 1]),
    wait,
  });
  return {
    ...source,
    read: (offset, length, signal, into) =>
      retry(() => source.read(offset, length, signal, into), {
        pauseAfter: (error, tries) => pauseAfter(error, delays[tries - 1]),
        signal,
        wait,
      }),
  };
}

/**
 * Milliseconds before the next try: the delay, or the server's own if longer, at most a minute.
 * `undefined` where there is no delay left, or another try would meet the same.
 */
export function pauseAfter(error: unknown, delay: number | undefined): number | undefined {
  if (delay === undefined || !mayPass(error)) return undefined;
  return Math.max(delay, Math.min(detail(error, 'retryAfterMs') ?? 0, MAX_PAUSE_MS));
}

/** What hosts answer whose signed addresses have expired. */
const EXPIRED = [400, 401, 403];

/**
 * Whether another try may succeed: the connection broke, the server was busy, or the address that
 * it redirected to has expired, in place of which it gives a new one.
 */
function mayPass(error: unknown): boolean {
  if (!isFluxError(error, 'network/')) return false;
  const status = detail(error, 'status');
  if (status === undefined) return error.code !== 'network/status';
  return status === 429 || status >= 500 || (error.details.redirected === true && EXPIRED.includes(status));
}

function detail(error: unknown, name: 'status' | 'retryAfterMs'): number | undefined {
  const value = isFluxError(error) ? error.details[name] : undefined;
  return typeof value === 'number' ? value : undefined;
}
