import type { Checkpoint } from '@flux-srpo/runtime';
import type { CheckpointNews, LocalModel } from '../worker/protocol.ts';

/** What a call has reached, in the page's memory: it outlives the worker that reached it. */
export class KeptSteps {
  #checkpoint: Checkpoint | undefined;
  #fingerprint: string | undefined;

  /** Finished steps. */
  get steps(): number {
    return this.#checkpoint?.step ?? 0;
  }

  /**
   * Where to go on with this model, which is heard from then on. Another model, backend or adapter
   * would finish a picture that none of them draws, so there the call starts over.
   */
  of({ fingerprint }: Pick<LocalModel, 'fingerprint'>): Checkpoint | undefined {
    if (this.#fingerprint !== fingerprint) this.#checkpoint = undefined;
    this.#fingerprint = fingerprint;
    return this.#checkpoint;
  }

  readonly add = (news: CheckpointNews): void => {
    const prompt = news.prompt ?? this.#checkpoint?.prompt;
    if (prompt === undefined) throw new Error('the first checkpoint of a call must have the prompt');
    this.#checkpoint = { ...news, prompt };
  };
}
