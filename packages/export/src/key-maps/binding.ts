import type { WeightSlot } from '../graphs/slots.ts';
import type { Component } from './namings.ts';

/** From `start` up to `end`. */
export type Range = readonly [start: number, end: number];

/** A weight slot and the piece of the checkpoint that fills it. */
export interface BoundSlot {
  readonly slot: WeightSlot;
  readonly component: Component;
  /** The tensor's name as the file has it. */
  readonly tensor: string;
  /** Rows to read, in this order. A row is everything under one index of the first dimension. */
  readonly rows: readonly Range[];
  /** Elements in a row of the tensor. */
  readonly rowLength: number;
  /** The elements of each row that the slot takes. */
  readonly columns: Range;
}

/** A tensor of the checkpoint that does not enter the bundle. */
export interface UnusedTensor {
  readonly component: Component;
  readonly tensor: string;
  readonly reason: string;
}

/** Where every weight of a model comes from. */
export interface Binding<Slot extends BoundSlot = BoundSlot> {
  /** By part name, in the order of the part's slots. */
  readonly parts: ReadonlyMap<string, readonly Slot[]>;
  readonly unused: readonly UnusedTensor[];
}
