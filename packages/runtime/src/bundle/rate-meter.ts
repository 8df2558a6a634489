/** A rate over the last seconds, so that it follows a line that changes. */
const WINDOW_MS = 10_000;

/** Bytes a second, of pieces that end one after the other. */
export class RateMeter {
  readonly #now: () => number;
  /** When bytes ended, and how many. The first counts none: it is when counting began. */
  readonly #ended: { at: number; bytes: number }[];

  /** @param now milliseconds, rising */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#ended = [{ at: now(), bytes: 0 }];
  }

  add(bytes: number): void {
    const at = this.#now();
    this.#ended.push({ at, bytes });
    while (this.#ended.length > 2 && at - this.#ended[1]!.at > WINDOW_MS) this.#ended.shift();
  }

  /** Undefined while nothing was counted, or no time has passed. */
  get rate(): number | undefined {
    const [first, ...others] = this.#ended;
    const last = others.at(-1);
    if (last === undefined || last.at === first!.at) return undefined;
    return (1000 * others.reduce((sum, { bytes }) => sum + bytes, 0)) / (last.at - first!.at);
  }
}
