import { type Progress, toWireError } from '@flux-srpo/core';

/** Share of loading in a call that fetches the whole model: a guess, networks differ. */
const LOAD_SHARE = 0.5;

/** One fraction over loading, generating and a second try. Never falls; a generation ends at 1. */
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

  /** The worker failed with `reason`, and another one does the call again. */
  restart(reason: unknown): void {
    const event = { stage: 'restart', reason: toWireError(reason), fraction: 0, text: 'Starting again' } as const;
    this.#tell(event, this.#fraction);
  }

  #tell(event: Progress, fraction: number): void {
    this.#fraction = Math.max(this.#fraction, fraction);
    this.#onProgress({ ...event, fraction: this.#fraction });
  }
}
