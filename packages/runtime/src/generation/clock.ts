/** How long the parts of a generation took, in milliseconds. */
export interface Timings {
  encode: number;
  prepare: number;
  denoise: number;
  decode: number;
  total: number;
  steps: number[];
}

/** Measures one generation, lap by lap. */
export class Clock {
  readonly #start = performance.now();
  #last = this.#start;
  #stepStart = this.#start;
  readonly #laps = { encode: 0, prepare: 0, denoise: 0, decode: 0 };
  readonly #steps: number[] = [];

  /** Ends the lap `name`, which began where the last one ended. */
  lap(name: 'encode' | 'prepare' | 'denoise' | 'decode'): void {
    const now = performance.now();
    this.#laps[name] = now - this.#last;
    this.#last = now;
    this.#stepStart = now;
  }

  /** Ends one denoising step. */
  step(): void {
    const now = performance.now();
    this.#steps.push(now - this.#stepStart);
    this.#stepStart = now;
  }

  timings(): Timings {
    return { ...this.#laps, total: performance.now() - this.#start, steps: this.#steps };
  }
}
