import { InputError } from '@flux-srpo/core';

/** One piece of work at a time; a bounded number wait, in order. */
export class Queue {
  readonly maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #isRunning = false;

  constructor(maxWaiting: number) {
    this.maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#isRunning ? 1 : 0;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Refuses at once when the queue is full. Who aborts while waiting leaves the queue, with the signal's reason. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (this.#isRunning) await this.#wait(signal);
    this.#isRunning = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The next in line takes over without a gap, so that a newcomer cannot slip in between.
      if (next === undefined) this.#isRunning = false;
      else next();
    }
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.length >= this.maxWaiting) {
      throw new InputError(`at most ${this.maxWaiting} requests can wait, and as many do; try again later`, {
        code: 'input/queue-full',
        details: { maxWaiting: this.maxWaiting },
      });
    }
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason);
      };
      this.#waiting.push(go);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
