/** One part is done, or was found done. */
export interface ConvertProgress {
  part: string;
  parts: {
    done: number;
    total: number;
    /** Of those done, the ones that an interrupted conversion had finished. */
    found: number;
  };
  /** Parameters of the model. */
  weights: { done: number; total: number };
  /** Bytes of the source that become weights, each counted once. */
  bytes: { done: number; total: number };
  /** Bytes of the source a second, over all that this conversion has done itself; 0 until that is known. */
  rate: number;
  /** Seconds that the rest takes at this rate. Absent until a rate is known. */
  secondsLeft?: number;
}

/** The size of a part. */
export interface PartWork {
  name: string;
  /** Parameters. */
  weights: number;
  /** Bytes in the source. */
  bytes: number;
}

/**
 * Counts parts as they get done.
 *
 * @param now milliseconds
 */
export class ProgressMeter {
  readonly #total: { parts: number; weights: number; bytes: number };
  readonly #now: () => number;
  readonly #done = { parts: 0, found: 0, weights: 0, bytes: 0 };
  /** What this run did itself. Finding a part done takes time too, which is not of the rate. */
  readonly #own = { bytes: 0, milliseconds: 0 };
  #since: number;

  constructor(work: readonly PartWork[], now: () => number = () => performance.now()) {
    this.#total = {
      parts: work.length,
      weights: work.reduce((sum, { weights }) => sum + weights, 0),
      bytes: work.reduce((sum, { bytes }) => sum + bytes, 0),
    };
    this.#now = now;
    this.#since = now();
  }

  advance({ name, weights, bytes }: PartWork, isFound: boolean): ConvertProgress {
    const now = this.#now();
    const done = this.#done;
    done.parts++;
    done.weights += weights;
    done.bytes += bytes;
    if (isFound) {
      done.found++;
    } else {
      this.#own.bytes += bytes;
      this.#own.milliseconds += now - this.#since;
    }
    this.#since = now;
    const total = this.#total;
    const rate = this.#own.milliseconds === 0 ? 0 : (this.#own.bytes / this.#own.milliseconds) * 1000;
    return {
      part: name,
      parts: { done: done.parts, total: total.parts, found: done.found },
      weights: { done: done.weights, total: total.weights },
      bytes: { done: done.bytes, total: total.bytes },
      rate,
      ...(rate === 0 ? {} : { secondsLeft: (total.bytes - done.bytes) / rate }),
    };
  }
}
