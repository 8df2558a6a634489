import { type Progress, toWireError } from '@flux-srpo/core';

/** Share of loading in a call that fetches the whole model: a guess, networks differ. */
const LOAD_SHARE = 0.5;

/** One fraction over loading, generating and further tries. Never falls; a generation ends at 1. */
export class CallProgress {
  readonly #onProgress: (progress: Progress) => void;
  /** What was told last. */
  #fraction = 0;

  constructor(onProgress: ((progress: Progress) => void) | undefined) {
    this.#onProgress = onProgress ?? (() => undefined);
  }

  /** A listener for loading before a generation. Files that are here already are not counted. */
  loading(): (progress: Progress) => void {
    const from = this.#fraction;
    let first: number | undefined;
    return (event) => {
      first ??= event.fraction;
      this.#tell(event, from + LOAD_SHARE * (1 - from) * (event.fraction - first));
    };
  }

  /** A listener for all that is left. */
  rest(): (progress: Progress) => void {
    const from = this.#fraction;
    return (event) => this.#tell(event, from + (1 - from) * event.fraction);
  }

  /** The worker failed with `reason`, and another one goes on after `steps` finished steps. */
  restart(reason: unknown, steps: number): void {
    const text = steps === 0 ? 'Starting again' : `Going on after step ${steps}`;
    this.#tell({ stage: 'restart', reason: toWireError(reason), steps, fraction: 0, text }, this.#fraction);
  }

  /** Another tab draws on the GPU, and this one waits for its turn. */
  wait(): void {
    const text = 'Waiting for another tab that draws';
    this.#tell({ stage: 'wait', fraction: 0, text }, this.#fraction);
  }

  #tell(event: Progress, fraction: number): void {
    this.#fraction = Math.max(this.#fraction, fraction);
    this.#onProgress({ ...event, fraction: this.#fraction });
  }
}
