import { type Acceleration, PARTS } from '@flux-srpo/core';
import type { DeviceTensor, HostTensor } from '../ort/backend.ts';
import { type Phase, TensorScope } from '../phase.ts';

/**
 * Relative changes of the first block's residual below which a step is skipped, as published for FLUX.1 [dev] at 28 steps
 * (1.55× and 1.9× faster). Fitted neither to SRPO nor to any other checkpoint: a bundle may bring its own.
 *
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
 * First-block cache: the first double block always runs; where what it adds to the image hardly differs from the last
 * computed step, all other blocks are taken to add what they added then.
 *
 * One instance serves one generation; `release` it at the end. The images of a batch are skipped together or not at all.
 *
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/hooks/first_block_cache.py
 */
export class StepCache {
  readonly #threshold: number;
  readonly #scope = new TensorScope();
  /** Of the last computed step, by image. */
  #residuals: DeviceTensor[] = [];
  #rests: DeviceTensor[] = [];
  /** Steps answered without the other blocks. */
  skipped = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /**
   * Whether this step may be skipped; if not, its residuals are the ones the next steps are compared with.
   *
   * @param before image streams into the first block, [1, S_img, H] each
   * @param after and out of it
   */
  async maySkip(phase: Phase, before: readonly DeviceTensor[], after: readonly DeviceTensor[]): Promise<boolean> {
    const step = new TensorScope();
    try {
      const residuals: DeviceTensor[] = [];
      for (const [i, img_out] of after.entries()) {
        const feeds = { img_out, img: before[i] as DeviceTensor };
        const { residual } = await phase.run(PARTS.cacheResidual, feeds, ['residual']);
        residuals.push(step.replace(`residual ${i}`, residual));
      }
      if (await this.#changeIsSmall(phase, residuals)) {
        this.skipped++;
        return true;
      }
      this.#residuals = residuals.map((tensor, i) => {
        step.forget(`residual ${i}`);
        return this.#scope.replace(`residual ${i}`, tensor);
      });
      return false;
    } finally {
      step.release();
    }
  }

  /** Keeps what the other blocks added at a computed step. `hidden`: [text, image] after the last block. */
  async remember(
    phase: Phase,
    first: readonly DeviceTensor[],
    hidden: readonly DeviceTensor[],
    text_length: HostTensor,
  ): Promise<void> {
    const rests: DeviceTensor[] = [];
    for (const [i, image] of hidden.entries()) {
      const feeds = { hidden: image, first: first[i] as DeviceTensor, text_length };
      const { rest } = await phase.run(PARTS.cacheRest, feeds, ['rest']);
      rests.push(this.#scope.replace(`rest ${i}`, rest));
    }
    this.#rests = rests;
  }

  /** The image stream after all blocks, from what the first gave now and the others gave last. The caller's to dispose. */
  async apply(phase: Phase, image: number, first: DeviceTensor): Promise<DeviceTensor> {
    const rest = this.#rests[image];
    if (!rest) throw new Error(`nothing was computed for image ${image} yet`);
    return (await phase.run(PARTS.cacheApply, { first, rest }, ['hidden'])).hidden;
  }

  release(): void {
    this.#scope.release();
  }

  async #changeIsSmall(phase: Phase, residuals: readonly DeviceTensor[]): Promise<boolean> {
    if (this.#rests.length === 0) return false;
    for (const [i, residual] of residuals.entries()) {
      const feeds = { residual, previous: this.#residuals[i] as DeviceTensor };
      const { change } = await phase.run(PARTS.cacheChange, feeds, ['change']);
      try {
        const [value] = await phase.read(change);
        // Written so that NaN is no reason to skip.
        if (!((value as number) <= this.#threshold)) return false;
      } finally {
        change.dispose();
      }
    }
    return true;
  }
}
