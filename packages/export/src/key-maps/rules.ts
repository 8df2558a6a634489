export type { Component } from '@flux-srpo/core';

/**
 * Where one weight comes from. `{i}` stands for the same number in `part` and `from`, `{j}` in
 * `slot` and `from`.
 *
 * A slot name that ends in a chunk number before `.weight` or `.bias` (`img_mlp.0.1.weight`) is
 * found under its plain name (`img_mlp.0.weight`).
 */
export interface KeyRule {
  readonly part: string;
  readonly slot: string;
  /** The tensor's name in the checkpoint. */
  readonly from: string;
  /**
   * Slots of one part with the same `from` share the tensor, in the order of the rules and then of
   * the chunks: `rows` cuts output features, `columns` input features. Without `cut` a slot takes
   * the whole tensor.
   */
  readonly cut?: 'rows' | 'columns';
  /** The two halves of the rows change places. */
  readonly swapHalves?: true;
}

/** Rules for weight and bias of a layer. The bias is cut along the outputs only. */
export function layer(part: string, slot: string, from: string, cut?: 'rows' | 'columns'): KeyRule[] {
  return [
    { part, slot: `${slot}.weight`, from: `${from}.weight`, ...(cut && { cut }) },
    { part, slot: `${slot}.bias`, from: `${from}.bias`, ...(cut === 'rows' && { cut }) },
  ];
}

/** {@link layer} for several: the slots' names → the layers' names behind `from`. */
export function layers(part: string, from: string, names: Readonly<Record<string, string>>): KeyRule[] {
  return Object.entries(names).flatMap(([slot, name]) => layer(part, slot, from + name));
}

/** Rules for weights alone: as {@link layers}, with the slots' whole names. */
export function weights(part: string, from: string, names: Readonly<Record<string, string>>): KeyRule[] {
  return Object.entries(names).map(([slot, name]) => ({ part, slot, from: `${from}${name}.weight` }));
}

/** Rules for a norm with learned scale and bias. */
export function affine(part: string, slot: string, from: string): KeyRule[] {
  return [
    { part, slot: `${slot}.scale`, from: `${from}.weight` },
    { part, slot: `${slot}.bias`, from: `${from}.bias` },
  ];
}
