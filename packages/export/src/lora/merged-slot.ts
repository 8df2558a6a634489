import type { BoundSlot } from '../key-maps/binding.ts';

/** What one LoRA adds to a slot. */
export interface SlotDelta {
  /** Reads what all rows need. `width`: columns of the slot. */
  begin(width: number, signal?: AbortSignal): Promise<AddRows>;
}

/**
 * Adds to rows of a slot, rounded to float32 once.
 * @param rows [end − start, width], changed in place
 * @param start first of these rows in the slot
 */
export type AddRows = (rows: Float32Array, start: number, end: number) => Promise<void>;

/** A bound slot, and what LoRAs add to it in their order. */
export interface MergedSlot extends BoundSlot {
  readonly deltas?: readonly SlotDelta[];
}
