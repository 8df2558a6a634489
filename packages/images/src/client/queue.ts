import { InputError } from '@flux-srpo/core';

/** One runs, `waiting` wait, and no more than `max` may. */
export interface QueueState {
  running: number;
  waiting: number;
  max: number;
}

interface Waiter {
  start(): void;
  fail(reason: unknown): void;
}

/** First come, first served, one at a time. Bounded, so that nobody waits an hour unaware. */
export class Queue {
  readonly #max: number;
  readonly #waiters: Waiter[] = [];
  #isBusy = false;

  constructor(max: number) {
    this.#max = max;
  }

  get state(): QueueState {
    return { running: this.#isBusy ? 1 : 0, waiting: this.#waiters.length, max: this.#max };
  }

  /**
   * Runs `work` in its turn. A signal that aborts while `work` waits gives up its place. Once it
   * runs, `work` itself must heed the signal.
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#isBusy) await this.#wait(signal);
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      const next = this.#waiters.shift();
      // It stays busy: a call made before the next one wakes must not overtake it.
      if (next === undefined) this.#isBusy = false;
      else next.start();
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiters.length >= this.#max) {
      throw new InputError(`at most ${this.#max} requests may wait, and that many do; try again when one is done`, {
        code: 'input/queue-full',
        details: { max: this.#max },
      });
    }
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        waiter.fail(signal?.reason);
      };
      const settle = (act: () => void) => {
        signal?.removeEventListener('abort', abort);
        act();
      };
      const waiter: Waiter = { start: () => settle(resolve), fail: (reason) => settle(() => reject(reason)) };
      signal?.addEventListener('abort', abort);
      this.#waiters.push(waiter);
    });
  }
}
