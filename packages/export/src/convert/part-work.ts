import { BLOCK_LAYOUTS, isBlockClass, type WeightClass } from '@flux-srpo/core';
import { DTYPE_BITS, GGML_TYPES } from '@flux-srpo/formats';
import type { ClassOf, PartPlan } from '../graphs/index.ts';
import type { WeightSlot } from '../graphs/slots.ts';
import { type WeightInput, weightInputs } from '../graphs/weight-inputs.ts';
import type { BoundSlot } from '../key-maps/binding.ts';
import type { Component } from '../key-maps/namings.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { PartWork } from './convert-progress.ts';

/** How much work a part is: its parameters and its bytes in the source. */
export function partWork(
  part: PartPlan,
  slots: readonly BoundSlot[],
  checkpoints: Readonly<Record<Component, Checkpoint>>,
): PartWork {
  const bytes = slots.reduce((sum, slot) => sum + sourceBytes(slot, checkpoints), 0);
  return { name: part.name, weights: part.slots.reduce((sum, slot) => sum + countWeights(slot), 0), bytes };
}

/** Bytes of the source that become one slot. */
export function sourceBytes(
  { slot, component, tensor }: BoundSlot,
  checkpoints: Readonly<Record<Component, Checkpoint>>,
): number {
  return (countWeights(slot) * bitsOf(checkpoints[component].tensors.get(tensor)!.dtype)) / 8;
}

/** Bytes of a part's file without its header, if all numbers fit what their class prefers. */
export function expectedBytes(part: PartPlan, classOf: ClassOf): number {
  return part.slots.reduce((sum, slot) => {
    const weightClass = classOf(slot, part.graph);
    return sum + weightInputs(slot, weightClass).reduce((bytes, input) => bytes + inputBytes(input, weightClass), 0);
  }, 0);
}

function inputBytes({ dtype, dims }: WeightInput, weightClass: WeightClass): number {
  // Floats of a slot in blocks are its scales and offsets.
  const floatBytes = isBlockClass(weightClass) ? BLOCK_LAYOUTS[weightClass].floatBytes : weightClass === 'f32' ? 4 : 2;
  return dims.reduce((product, dim) => product * dim, dtype === 'uint8' ? 1 : floatBytes);
}

function countWeights(slot: WeightSlot): number {
  return slot.shape.reduce((product, dim) => product * dim, 1);
}

/** Bits a weight takes in the source. */
export function bitsOf(dtype: string): number {
  if (Object.hasOwn(DTYPE_BITS, dtype)) return DTYPE_BITS[dtype as keyof typeof DTYPE_BITS];
  const { bytes, length } = GGML_TYPES[dtype as keyof typeof GGML_TYPES];
  return (bytes * 8) / length;
}
