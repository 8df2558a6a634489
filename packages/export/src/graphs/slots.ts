import type { WeightClass } from '@flux-srpo/core';

/** What a recipe keys on: tensors of one class are stored alike. */
export type TensorClass =
  | 'attention'
  | 'mlp'
  | 'modulation'
  | 'embedder'
  | 'final'
  | 't5'
  | 't5_wo'
  | 'clip'
  | 'vae'
  | 'table'
  | 'norm'
  | 'bias';

/** One weight a part needs from the checkpoint. */
export interface WeightSlot {
  /** The graph's input name, e.g. `img_attn.q.weight`. */
  readonly name: string;
  /** `linear`: quantizable, stored by {@link WeightClass}. `plain`: stored as floats of `shape`. */
  readonly kind: 'linear' | 'plain';
  /** linear: torch order [N out, K in]. plain: the shape of the graph input (the source may have other dims of the same count). */
  readonly shape: readonly number[];
  readonly tensorClass: TensorClass;
}

/** The class a slot is stored in, fallbacks included. Called for every slot; the answer for `plain` slots is `f32` or `f16`. */
export type ClassOf = (slot: WeightSlot) => WeightClass;

/** One instance of a graph with the weights it takes, in the graph's input order. */
export interface PartPlan {
  readonly name: string;
  /** Absent for tables that are read by row. */
  readonly graph?: string;
  readonly slots: readonly WeightSlot[];
}
