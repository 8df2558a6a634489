/**
 * A policy that may skip the transformer at some steps.
 *
 * Asked before every step; what it returns instead of `undefined` is taken as that step's velocities. Told of every
 * computed step. One instance serves one generation.
 */
export interface StepCache {
  /**
   * @param step 0-based
   * @param sigmas [steps + 1]
   * @param latents n arrays of [S_img, 64], read-only
   */
  reuse(step: number, sigmas: Float32Array, latents: readonly Float32Array[]): Float32Array[] | undefined;
  computed(step: number, velocities: readonly Float32Array[]): void;
}
