import type { BoundSlot } from '../key-maps/binding.ts';
import { fullDelta } from './full-delta.ts';
import type { SlotDelta } from './merged-slot.ts';
import type { OpenLora } from './open-loras.ts';
import { pairDelta } from './pair-delta.ts';
import type { Changes } from './pairs.ts';

/** Something that a LoRA does to one tensor of a layer. */
export interface Change {
  readonly layer: string;
  readonly changes: Changes;
  /** Of the weights that it changes. */
  readonly shape: readonly number[];
  /** Its tensors in the LoRA's file. */
  readonly tensors: readonly string[];
  /** Where all numbers of one of these are zeros, it changes nothing. */
  readonly factors: readonly string[];
  deltaOf(slot: BoundSlot): SlotDelta;
}

/** Everything that a LoRA does, tensor by tensor. */
export function changesOf({ pairs, diffs, record, store }: OpenLora): Change[] {
  return [
    ...[...pairs].map(([pair, scale]): Change => {
      const { layer, outFeatures, inFeatures, down, up, alpha } = pair;
      return {
        layer,
        changes: 'weight',
        shape: [outFeatures, inFeatures],
        tensors: [down, up, ...(alpha === undefined ? [] : [alpha])],
        factors: [up, down],
        deltaOf: (slot) => pairDelta(pair, scale, slot, store),
      };
    }),
    ...diffs.map((diff): Change => {
      const { layer, changes, shape, tensor } = diff;
      const deltaOf = (slot: BoundSlot) => fullDelta(diff, record.strength, slot, store);
      return { layer, changes, shape, tensors: [tensor], factors: [tensor], deltaOf };
    }),
  ];
}
