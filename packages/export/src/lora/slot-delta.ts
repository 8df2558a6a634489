import type { Range } from '../key-maps/bind.ts';
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
