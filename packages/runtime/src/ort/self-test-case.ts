import type { Stage } from './backend.ts';

/** One question of the self-test. */
export interface SelfTestCase {
  readonly kernel: string;
  /** Largest error allowed, relative to the largest value of the answer. */
  readonly tolerance: number;
  /** Computes on the stage, and gives what came and what is right. */
  ask(stage: Stage): Promise<{ got: Float32Array; want: Float32Array }>;
}

/**
 * float16 kernels also add in float16: over 256 products that is an error near 1e-3 of the largest
 * value. A wrong kernel is off by more than a tenth.
 */
export const HALF_TOLERANCE = 1e-2;
