import type { OffsetClass } from '../model/weight-blocks.ts';
import type { ImageSize } from '../picture/geometry.ts';

/** What decides how large the work buffers of blocks and layers are. */
export interface WorkOptions {
  size: ImageSize;
  textTokens: number;
  /** Pictures of one batch. Each has its own streams; the blocks run on one picture at a time. */
  n: number;
  /** Blocks and T5 run in half precision. */
  f16: boolean;
  /**
   * Linear layers with offsets. Those of `q4m` read a copy of their input with the sums of its
   * blocks behind it; those of `q4k` add a product of the sums to their result.
   */
  offsets?: OffsetClass | undefined;
}

export const FLOAT_BYTES = 4;
export const HALF_BYTES = 2;

/** Work buffers of a phase, in bytes. */
export interface Work {
  /** All of them together, as the runtime pools them. */
  bytes: number;
  /** The largest one. */
  largest: number;
}
