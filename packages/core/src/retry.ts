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

/** Calls `act` until it succeeds, the policy gives up (the last error) or the signal aborts. */
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
