import { takeLock } from './web-lock.ts';

/** One for all tabs of the origin. Nobody who holds it waits for another lock without a bound. */
const LOCK = 'flux-srpo:gpu';

/**
 * One tab draws on the GPU at a time: two would each need the memory of one. The others wait. The
 * browser gives the turn to the next tab when one ends or crashes, and freezes no tab that has it.
 */
export class GpuTurn {
  readonly #onWait: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #ended = new AbortController();
  #taking: Promise<void> | undefined;
  #release: (() => void) | undefined;

  /**
   * @param onWait called when another tab has the turn
   * @param signal ends the wait with its reason
   */
  constructor(onWait: () => void, signal: AbortSignal | undefined) {
    this.#onWait = onWait;
    this.#signal = signal;
  }

  /** Resolves when it is this tab's turn, at once where it is already. */
  take(): Promise<void> {
    this.#taking ??= this.#take();
    return this.#taking;
  }

  async #take(): Promise<void> {
    const signal = AbortSignal.any([this.#ended.signal, ...(this.#signal ? [this.#signal] : [])]);
    try {
      let release = await takeLock(LOCK, { ifAvailable: true });
      if (release === undefined) {
        this.#onWait();
        release = await takeLock(LOCK, { signal });
      }
      this.#release = release;
      if (signal.aborted) this.release();
    } catch (error) {
      this.#taking = undefined;
      throw error;
    }
  }

  /** Lets another tab draw. `take` waits for the next turn. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
    this.#taking = undefined;
  }

  /** Gives the turn back for good, also one that is still waited for. */
  end(): void {
    this.#ended.abort(new DOMException('the picture has ended', 'AbortError'));
    this.release();
  }
}
