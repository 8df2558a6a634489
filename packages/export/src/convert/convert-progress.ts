/** How far a conversion is. Sent after each tensor, and each part that is written or was found. */
export interface ConvertProgress {
  /** The part that is being written, or was just finished. */
  part: string;
  parts: {
    done: number;
    total: number;
    /** Those of `done` that an interrupted conversion had finished. */
    found: number;
  };
  /** Parameters of the model. */
  weights: { done: number; total: number };
  /** Bytes of the source that become weights, each counted once. */
  bytes: { done: number; total: number };
  /** Bytes of the source a second, without parts that were found finished; 0 until it is known. */
  rate: number;
  /** Seconds left at this rate. Absent until the rate is known. */
  secondsLeft?: number;
}

/** How much work a part is. */
export interface PartWork {
  name: string;
  /** Parameters. */
  weights: number;
  /** Bytes in the source. */
  bytes: number;
}

/** Turns finished work into progress events. `now` counts milliseconds. */
export class ProgressMeter {
  readonly #total: { parts: number; weights: number; bytes: number };
  readonly #now: () => number;
  readonly #done = { parts: 0, found: 0, weights: 0, bytes: 0 };
  /** What this run converted itself, for the rate: time spent on found parts is left out. */
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

  /** The state after `bytesDone` bytes of a part that is not finished. */
  reach({ name, weights, bytes }: PartWork, bytesDone: number): ConvertProgress {
    const weightsDone = Math.round((weights * bytesDone) / bytes);
    return this.#state(name, { weights: weightsDone, bytes: bytesDone, milliseconds: this.#now() - this.#since });
  }

  /** The state after a finished part. */
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
    return this.#state(name, { weights: 0, bytes: 0, milliseconds: 0 });
  }

  /** @param more what is done of an unfinished part */
  #state(part: string, more: { weights: number; bytes: number; milliseconds: number }): ConvertProgress {
    const done = this.#done;
    const total = this.#total;
    const milliseconds = this.#own.milliseconds + more.milliseconds;
    const rate = milliseconds === 0 ? 0 : ((this.#own.bytes + more.bytes) / milliseconds) * 1000;
    const bytes = done.bytes + more.bytes;
    return {
      part,
      parts: { done: done.parts, total: total.parts, found: done.found },
      weights: { done: done.weights + more.weights, total: total.weights },
      bytes: { done: bytes, total: total.bytes },
      rate,
      ...(rate === 0 ? {} : { secondsLeft: (total.bytes - bytes) / rate }),
    };
  }
}
