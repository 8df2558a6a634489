/** Holds runs and fetches back while it is shut. */
export class Gate {
  #opened: Promise<void> | undefined;
  #open = (): void => undefined;

  get isShut(): boolean {
    return this.#opened !== undefined;
  }

  setShut(isShut: boolean): void {
    if (isShut) {
      this.#opened ??= new Promise((resolve) => {
        this.#open = resolve;
      });
    } else {
      this.#open();
      this.#opened = undefined;
    }
  }

  /** Resolves when it is open, or when `signal` aborts: whoever passes must look at the signal. */
  async pass(signal?: AbortSignal): Promise<void> {
    while (this.#opened !== undefined && signal?.aborted !== true) {
      await Promise.race([this.#opened, ...(signal ? [aborted(signal)] : [])]);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
