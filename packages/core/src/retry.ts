/** What waiting needs of `AbortSignal`. (`core` is compiled without browser or Node types.) */
export interface WaitSignal {
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How {@link retry} goes on after a failure. */
export interface RetryPolicy {
  /**
   * Milliseconds to wait before the next try; `undefined` gives up and rethrows the error.
   *
   * @param tries how many tries have failed so far, this one included: 1 after the first
   */
  pauseAfter(error: unknown, tries: number): number | undefined;
  /** Ends a wait. The tries themselves listen to it on their own. */
  signal?: WaitSignal | undefined;
  /** What waits, for those with a clock of their own. @default {@link sleep} */
  wait?: ((milliseconds: number, signal: WaitSignal | undefined) => Promise<void>) | undefined;
}

/** The only timers that exist wherever the library runs. */
declare function setTimeout(callback: () => void, milliseconds: number): number;
declare function clearTimeout(timer: number): void;

/**
 * Calls `act` until it succeeds or the policy gives up. Rejects with the last error, or with the
 * signal's reason.
 */
export async function retry<Result>(
  act: () => Promise<Result>,
  { pauseAfter, signal, wait = sleep }: RetryPolicy,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      signal?.throwIfAborted();
      const pause = pauseAfter(error, tries);
      if (pause === undefined) throw error;
      await wait(pause, signal);
    }
  }
}

/** Resolves after `milliseconds`. Rejects with the signal's reason once it is aborted. */
export function sleep(milliseconds: number, signal?: WaitSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Dates of HTTP. `Date.parse` takes much else: "1.5" is a day in 2001. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*, .* GMT$/;

/**
 * Milliseconds that a `Retry-After` header asks for, at least 0; `undefined` where it is missing or
 * says nothing. Callers set the longest pause that they take: a server may ask for years.
 *
 * @param header seconds, or a date of HTTP
 * @param now milliseconds since 1970
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfter(header: string | null | undefined, now = Date.now()): number | undefined {
  const value = header?.trim() ?? '';
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value) * 1000;
  const date = HTTP_DATE.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
