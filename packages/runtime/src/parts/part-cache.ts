import type { PartWeights } from './weights.ts';

interface Entry {
  readonly stop: AbortController;
  readonly loading: Promise<PartWeights>;
  /** Set once loaded. */
  weights?: PartWeights;
  /** Dropped while it was loading: its weights go as soon as they are here. */
  isDropped: boolean;
}

/** Weights on the device, by part: loaded once, and ahead of their use if asked. */
export class PartCache {
  readonly #load: (part: string, signal: AbortSignal) => Promise<PartWeights>;
  readonly #entries = new Map<string, Entry>();
  /** Loads that have not ended, of dropped parts too. None of them rejects. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(load: (part: string, signal: AbortSignal) => Promise<PartWeights>) {
    this.#load = load;
  }

  /** Bytes of weights that are on the device now. */
  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { weights }) => sum + (weights?.bytes ?? 0), 0);
  }

  /** The weights of `part`; a load that failed is tried again. */
  get(part: string, signal?: AbortSignal): Promise<PartWeights> {
    return (this.#entries.get(part) ?? this.#start(part, signal)).loading;
  }

  /** Starts loading `part`. A failure is told to whoever asks for the part later. */
  prefetch(part: string, signal?: AbortSignal): void {
    if (!this.#entries.has(part)) this.#start(part, signal);
  }

  /** Frees the weights of `part`, or stops loading them. */
  drop(part: string): void {
    const entry = this.#entries.get(part);
    if (entry === undefined) return;
    this.#entries.delete(part);
    entry.isDropped = true;
    if (entry.weights === undefined) entry.stop.abort();
    entry.weights?.dispose();
  }

  /** Frees everything; resolves when no load is under way any more. */
  async clear(): Promise<void> {
    for (const part of [...this.#entries.keys()]) this.drop(part);
    await this.settle();
  }

  /** Resolves when what is being loaded now is here, or has failed. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #start(part: string, signal: AbortSignal | undefined): Entry {
    const stop = new AbortController();
    const loading = this.#load(part, signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]));
    const entry: Entry = { stop, loading, isDropped: false };
    this.#entries.set(part, entry);
    const ended: Promise<void> = loading
      .then(
        (weights) => {
          entry.weights = weights;
          if (entry.isDropped) weights.dispose();
        },
        () => {
          if (this.#entries.get(part) === entry) this.#entries.delete(part);
        },
      )
      .finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
    return entry;
  }
}
