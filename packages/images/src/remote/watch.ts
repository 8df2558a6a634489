import { NetworkError } from '@flux-srpo/core';

/** Longest delay of `setTimeout`. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Ends a request early, by the caller's signal or one of the clocks. Everything waits in `race`, so
 * it ends in time even if what it waits for ignores the signal.
 */
export class Watch {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #ended: Promise<never>;
  readonly #endsAt: number;
  readonly #total: ReturnType<typeof setTimeout> | undefined;
  readonly #details: () => Record<string, unknown>;

  /** @param details what the errors of the clocks say beside the limit */
  constructor(caller: AbortSignal | undefined, totalMs: number, details: () => Record<string, unknown>) {
    this.#caller = caller;
    this.#details = details;
    this.#endsAt = performance.now() + totalMs;
    this.#ended = new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason));
    });
    this.#ended.catch(() => undefined);
    this.#total = this.#startClock('the whole request', 'total', totalMs);
    if (caller?.aborted) this.#followCaller();
    else caller?.addEventListener('abort', this.#followCaller);
  }

  /** For `fetch`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isCallerAborted(): boolean {
    return this.#caller?.aborted ?? false;
  }

  get remainingMs(): number {
    return this.#endsAt - performance.now();
  }

  /**
   * Rejects with the signal's reason or `network/timeout`, unless `work` settles first; `what` must
   * come within `ms`.
   */
  async race<T>(what: string, limit: string, ms: number, work: Promise<T>): Promise<T> {
    const clock = this.#startClock(what, limit, ms);
    try {
      return await Promise.race([this.#ended, work]);
    } finally {
      clearTimeout(clock);
    }
  }

  /** Stops the clocks, and whatever still goes over the network. */
  close(): void {
    clearTimeout(this.#total);
    this.#caller?.removeEventListener('abort', this.#followCaller);
    this.#controller.abort();
  }

  readonly #followCaller = (): void => this.#controller.abort(this.#caller?.reason);

  #startClock(what: string, limit: string, ms: number): ReturnType<typeof setTimeout> | undefined {
    if (ms > MAX_DELAY_MS) return undefined;
    return setTimeout(() => {
      this.#controller.abort(
        new NetworkError(`${what} must come within ${ms} ms, got nothing; raise timeouts.${limit} if that is normal`, {
          code: 'network/timeout',
          details: { ...this.#details(), limit, ms },
        }),
      );
    }, ms);
  }
}
