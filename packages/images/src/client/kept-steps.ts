import { InputError } from '@flux-srpo/core';
import type { Checkpoint } from '@flux-srpo/runtime';
import type { CheckpointNews, LocalModel } from '../worker/protocol.ts';
import type { KeptPicture } from './kept-pictures.ts';

/** What a call has reached, in the page's memory: it outlives the worker that reached it. */
export class KeptSteps {
  readonly #picture: KeptPicture | undefined;
  #checkpoint: Checkpoint | undefined;
  #fingerprint: string | undefined;

  /** @param picture outlives the page too, and may have been begun by another */
  constructor(picture?: KeptPicture) {
    this.#picture = picture;
    this.#checkpoint = picture?.from;
    this.#fingerprint = picture?.from?.fingerprint;
  }

  /** Finished steps. */
  get steps(): number {
    return this.#checkpoint?.step ?? 0;
  }

  /**
   * Where to go on with this model, which is heard from then on. Another model, backend or adapter
   * would finish a picture that none of them draws, so there the call starts over.
   *
   * @throws InputError for a picture that an earlier page began with another
   */
  of({ fingerprint }: Pick<LocalModel, 'fingerprint'>): Checkpoint | undefined {
    if (this.#fingerprint !== fingerprint) {
      if (this.#checkpoint !== undefined && this.#checkpoint === this.#picture?.from) throw otherModel();
      this.#checkpoint = undefined;
    }
    this.#fingerprint = fingerprint;
    return this.#checkpoint;
  }

  readonly add = (news: CheckpointNews): void => {
    const prompt = news.prompt ?? this.#checkpoint?.prompt;
    if (prompt === undefined) throw new Error('the first checkpoint of a call must have the prompt');
    this.#checkpoint = { ...news, prompt };
    this.#picture?.save(this.#checkpoint, this.#fingerprint as string, news.prompt !== undefined);
  };
}

function otherModel(): InputError {
  return new InputError(
    'a picture goes on with the model, backend and graphics adapter that it began with, got others; ' +
      'generate draws its request anew',
    { code: 'input/conflict', details: { field: 'id' } },
  );
}
