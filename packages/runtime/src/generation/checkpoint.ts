import { InputError, type TransformerConfig, tokenCount } from '@flux-srpo/core';
import type { StepCache } from '../denoise/step-cache.ts';
import type { ResolvedRequest } from '../request.ts';
import type { PromptEmbedding } from '../text/prompt-encoder.ts';
import { joinBatch } from './batch.ts';

/**
 * How far a generation has come. Whoever goes on from here, with the same request and the same
 * `fingerprint`, gets the pixels of a generation that was not disturbed. Plain data.
 */
export interface Checkpoint {
  /** So that no text encoder runs again. Up to 8 MB. */
  prompt: PromptEmbedding;
  /** Finished steps, 0 … steps. */
  step: number;
  /** After those steps, [n, S_img, 64]. 1 MB for a picture of 1024x1024. */
  latents: Float32Array;
  /** Of those steps, how many `acceleration` skipped. */
  skipped: number;
  /**
   * With `acceleration`, the last of those steps that was computed in full. What it left in the
   * step cache (100 MB a picture for FLUX.1) is not kept: the step is computed again.
   */
  computed?: ComputedStep | undefined;
}

export interface ComputedStep {
  /** From 0. */
  step: number;
  /** Before that step, [n, S_img, 64]. */
  latents: Float32Array;
}

/** @throws InputError for a checkpoint that cannot be of this request */
export function assertGoesOn(checkpoint: Checkpoint, request: ResolvedRequest, config: TransformerConfig): void {
  const { n, size, steps, acceleration } = request;
  // What was stored may be of another version, so its shape is not trusted.
  const { step, latents, skipped, computed, prompt }: Partial<Checkpoint> = checkpoint ?? {};
  const numbers = n * tokenCount(size) * config.in_channels;
  const isOfRequest =
    isFilled(latents, numbers) &&
    isCount(step, steps) &&
    isCount(skipped, step) &&
    isFilled(prompt?.promptEmbeds, request.maxSequenceLength * config.joint_attention_dim) &&
    isFilled(prompt?.pooled, config.pooled_projection_dim) &&
    (computed === undefined
      ? acceleration === 'none' || step === 0
      : isFilled(computed?.latents, numbers) && isCount(computed.step, step - 1));
  if (isOfRequest) return;
  throw new InputError(
    `a picture goes on with the request that it began with, got one of other size, steps or prompt length; draw it anew`,
    { code: 'input/conflict', details: { step, steps } },
  );
}

const isFilled = (array: unknown, length: number): boolean => array instanceof Float32Array && array.length === length;

const isCount = (value: unknown, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;

/** Tells checkpoints to whoever keeps them. */
export class Checkpoints {
  readonly #tell: ((checkpoint: Checkpoint) => void) | undefined;
  readonly #prompt: PromptEmbedding;
  #skipped: number;
  #computed: { step: number; latents: readonly Float32Array[] } | undefined;

  /** @param from where the generation goes on */
  constructor(
    tell: ((checkpoint: Checkpoint) => void) | undefined,
    prompt: PromptEmbedding,
    from: Checkpoint | undefined,
  ) {
    this.#tell = tell;
    this.#prompt = prompt;
    this.#skipped = from?.skipped ?? 0;
    this.#computed = from?.computed && { ...from.computed, latents: [from.computed.latents] };
  }

  /** Steps that were skipped, before and after the generation went on. */
  get skipped(): number {
    return this.#skipped;
  }

  /** @param latents n arrays of [S_img, 64]: the noise */
  begin(latents: readonly Float32Array[]): void {
    this.#report(0, latents);
  }

  /**
   * @param step that has ended, from 0
   * @param before latents before it, n arrays of [S_img, 64]
   * @param after latents after it
   */
  advance(
    step: number,
    before: readonly Float32Array[],
    after: readonly Float32Array[],
    cache: StepCache | undefined,
  ): void {
    if (cache?.answered === true) this.#skipped++;
    else if (cache !== undefined) this.#computed = { step, latents: before };
    this.#report(step + 1, after);
  }

  /** Arrays are copied: the listener may give them away. */
  #report(step: number, latents: readonly Float32Array[]): void {
    if (this.#tell === undefined) return;
    const computed = this.#computed && { ...this.#computed, latents: joinBatch(this.#computed.latents) };
    this.#tell({ prompt: this.#prompt, step, latents: joinBatch(latents), skipped: this.#skipped, computed });
  }
}
