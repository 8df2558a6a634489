import type { BoundSlot, Range } from '../key-maps/binding.ts';
import type { LoraPair } from './pairs.ts';

/** What one LoRA adds to a slot: scale · up[rows] · down[:, columns]. */
export interface SlotDelta {
  readonly pair: LoraPair;
  /** strength · alpha / rank */
  readonly scale: number;
  /** Rows of `up`, in the order of the slot's own rows. */
  readonly rows: readonly Range[];
  /** Columns of `down`. */
  readonly columns: Range;
  /** Values `start` up to `end` of a tensor of the LoRA's file, row-major. */
  read(tensor: string, start: number, end: number, signal?: AbortSignal): Promise<Float32Array>;
}

/** A bound slot, and what LoRAs add to it in their order. */
export interface MergedSlot extends BoundSlot {
  readonly deltas?: readonly SlotDelta[];
}
