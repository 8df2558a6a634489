import { NetworkError } from '@flux-srpo/core';

/** Longest delay of `setTimeout`. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * What ends a request early: the caller's signal, or one of its clocks. Everything that waits does so in `race`, so that it ends
 * then even if what it waits for does not listen.
 */
export class Watch {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #total: ReturnType<typeof setTimeout> | undefined;
  readonly #endsAt: number;
  #phase: ReturnType<typeof setTimeout> | undefined;

  constructor(caller: AbortSignal | undefined, totalMs: number) {
    this.#caller = caller;
    this.#endsAt = performance.now() + totalMs;
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

  /** Rejects with the signal's reason or `network/timeout`, unless `work` settles first; `what` must come within `ms`. */
  async race<T>(what: string, limit: string, ms: number, work: Promise<T>): Promise<T> {
    const { signal } = this.#controller;
    let end: (() => void) | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        end = () => reject(signal.reason);
        if (signal.aborted) end();
        else signal.addEventListener('abort', end);
        this.#phase = this.#startClock(what, limit, ms);
        work.then(resolve, reject);
      });
    } finally {
      clearTimeout(this.#phase);
      if (end !== undefined) signal.removeEventListener('abort', end);
    }
  }

  async sleep(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const wait = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await this.race('the pause', 'total', Number.POSITIVE_INFINITY, wait).finally(() => clearTimeout(timer));
  }

  /** Stops the clocks, and whatever still goes over the network. */
  close(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#phase);
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
          details: { limit, ms },
        }),
      );
    }, ms);
  }
}
