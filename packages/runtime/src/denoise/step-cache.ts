import { type Acceleration, PARTS } from '@flux-srpo/core';
import type { DeviceTensor, HostTensor } from '../ort/backend.ts';
import type { Phase } from '../parts/phase.ts';
import { TensorScope } from '../parts/tensor-scope.ts';

/**
 * Relative changes of the first block's residual below which a step is skipped, as published for
 * FLUX.1 [dev] at 28 steps (1.55× and 1.9× faster). Fitted neither to SRPO nor to any other
 * checkpoint: a bundle may bring its own.
 * @see https://github.com/chengzeyi/ParaAttention/blob/4de137c/doc/fastest_flux.md
 */
const FLUX_THRESHOLDS = { regular: 0.08, high: 0.12 };

/** The threshold for a request, or `undefined` where every step is computed. */
export function cacheThreshold(
  acceleration: Acceleration,
  calibrated: { regular: number; high: number } = FLUX_THRESHOLDS,
): number | undefined {
  return acceleration === 'none' ? undefined : calibrated[acceleration];
}

/**
 * First-block cache. The first double block always runs. If what it adds to the image hardly
 * differs from the last computed step, no other block runs: what they added then is added again.
 *
 * One instance serves one generation. The pictures of a batch are skipped together or not at all.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/hooks/first_block_cache.py
 */
export class StepCache {
  readonly #phase: Phase;
  readonly #threshold: number;
  readonly #scope: TensorScope;
  /** Of the last computed step, by image. */
  #residuals: DeviceTensor[] = [];
  #rests: DeviceTensor[] = [];
  /** Whether the last step was answered without the other blocks. */
  answered = false;

  /** @param scope holds what the cache keeps from step to step */
  constructor(phase: Phase, scope: TensorScope, threshold: number) {
    this.#phase = phase;
    this.#scope = scope;
    this.#threshold = threshold;
  }

  /**
   * Whether this step may be skipped; if not, its residuals are the ones the next steps are
   * compared with.
   * @param images image streams before and after the first block, [1, S_img, H] each
   */
  async maySkip(images: readonly { before: DeviceTensor; after: DeviceTensor }[]): Promise<boolean> {
    const step = new TensorScope();
    try {
      const residuals: DeviceTensor[] = [];
      for (const [i, { before: img, after: img_out }] of images.entries()) {
        const { residual } = await this.#phase.run(PARTS.cacheResidual, { img_out, img }, ['residual']);
        residuals.push(step.replace(`residual ${i}`, residual));
      }
      this.answered = await this.#changeIsSmall(residuals);
      if (this.answered) return true;
      this.#residuals = residuals.map((tensor, i) => {
        step.forget(`residual ${i}`);
        return this.#scope.replace(`residual ${i}`, tensor);
      });
      return false;
    } finally {
      step.release();
    }
  }

  /**
   * Keeps what the other blocks added at a computed step.
   * @param images the image stream after the first block, [1, S_img, H], and [text, image] after
   *   the last
   * @param text_length S_txt
   */
  async remember(
    images: readonly { first: DeviceTensor; last: DeviceTensor }[],
    text_length: HostTensor,
  ): Promise<void> {
    const rests: DeviceTensor[] = [];
    for (const [i, { first, last }] of images.entries()) {
      const { rest } = await this.#phase.run(PARTS.cacheRest, { hidden: last, first, text_length }, ['rest']);
      rests.push(this.#scope.replace(`rest ${i}`, rest));
    }
    this.#rests = rests;
  }

  /** The image stream after all blocks, as if they had run. The caller disposes it. */
  async apply(image: number, first: DeviceTensor): Promise<DeviceTensor> {
    const rest = this.#rests[image];
    if (!rest) throw new Error(`nothing was computed for image ${image} yet`);
    return (await this.#phase.run(PARTS.cacheApply, { first, rest }, ['hidden'])).hidden;
  }

  async #changeIsSmall(residuals: readonly DeviceTensor[]): Promise<boolean> {
    if (this.#rests.length === 0) return false;
    for (const [i, residual] of residuals.entries()) {
      const feeds = { residual, previous: this.#residuals[i] as DeviceTensor };
      const { change } = await this.#phase.run(PARTS.cacheChange, feeds, ['change']);
      try {
        const [value] = await this.#phase.read(change);
        // Written so that NaN is no reason to skip.
        if (!((value as number) <= this.#threshold)) return false;
      } finally {
        change.dispose();
      }
    }
    return true;
  }
}
