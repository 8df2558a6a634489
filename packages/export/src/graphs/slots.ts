import type { Part, TensorClass, WeightClass } from '@flux-srpo/core';

/** One weight that a part needs from the checkpoint. */
export interface WeightSlot {
  /** The graph's input name, e.g. `img_attn.q.weight`. */
  readonly name: string;
  /** `linear`: quantizable, stored by {@link WeightClass}. `plain`: stored as floats of `shape`. */
  readonly kind: 'linear' | 'plain';
  /**
   * linear: torch's order [N out, K in]. plain: the shape of the graph input; the source may have
   * other dims with as many numbers.
   */
  readonly shape: readonly number[];
  readonly tensorClass: TensorClass;
}

/**
 * The class that a slot is stored in, fallbacks included; `f32` or `f16` where it is `plain`.
 * @param graph absent for tables, which no graph takes
 */
export type ClassOf = (slot: WeightSlot, graph?: string) => WeightClass;

/** A part with the weights it takes, in its graph's input order. */
export interface PartPlan extends Part {
  readonly slots: readonly WeightSlot[];
}
