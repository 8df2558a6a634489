import type { BoundSlot } from '../key-maps/binding.ts';
import { cutColumns, toFloat32 } from '../tensors/numbers.ts';
import { readValues, type TensorStore } from '../tensors/tensor-store.ts';
import { readRanges, requireFinite } from './add-deltas.ts';
import type { SlotDelta } from './merged-slot.ts';
import type { LoraDiff } from './pairs.ts';

/** strength · diff[rows, columns], a tensor's whole difference. Memory holds a piece's rows. */
export function fullDelta(diff: LoraDiff, strength: number, slot: BoundSlot, store: TensorStore): SlotDelta {
  const { file, tensor } = diff;
  const { rows, rowLength, columns } = slot;
  return {
    begin: async (_, signal) => async (merged, start, end) => {
      const read = async (from: number, to: number) =>
        requireFinite(file, tensor, await readValues(store, tensor, from * rowLength, to * rowLength, signal));
      const whole = await readRanges(rows, start, end, rowLength, read);
      for (const [at, value] of toFloat32(cutColumns(whole, rowLength, columns)).entries()) {
        merged[at]! += strength * value;
      }
    },
  };
}
