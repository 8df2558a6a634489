import { isBlockClass, type QuantizationFallback, type TensorClass } from '@flux-srpo/core';
import type { ClassOf, PartPlan } from '../graphs/index.ts';
import type { Component } from '../key-maps/namings.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import type { RowQuantizer } from '../quantize/row-quantizer.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { StoredTensor } from './block-tensors.ts';
import { keepBlocks } from './kept-blocks.ts';
import type { PartMemory } from './part-memory.ts';
import { planStorage } from './plan-storage.ts';
import { slotPieces } from './slot-reader.ts';

/** A part as it will be written. */
export interface StoredPart {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly StoredTensor[];
  /** Slots whose numbers needed a wider dtype on disk. `tensor` is the slot's name. */
  readonly fallbacks: readonly QuantizationFallback[];
  /** Where the blocks of quantized slots come from. */
  readonly blocks: readonly BlockOrigin[];
}

/** Where a slot's blocks come from. */
export interface BlockOrigin {
  readonly tensorClass: TensorClass;
  /** The tensor's dtype in the source. */
  readonly dtype: string;
  /** Whether the blocks are the source's own, kept to the bit. */
  readonly isKept: boolean;
}

/** What {@link planPart} reads weights from, and with. */
export interface PlanContext {
  readonly checkpoints: Readonly<Record<Component, Checkpoint>>;
  readonly classOf: ClassOf;
  readonly quantizer: RowQuantizer | undefined;
  /** Holds the quantized weights of the part that is planned. */
  readonly memory: PartMemory;
  readonly signal: AbortSignal | undefined;
  /** Called after each slot that was read. */
  onSlot(slot: MergedSlot): void;
}

/** Chooses how each slot of a part is stored; reads all its weights once. */
export async function planPart(
  { graph }: PartPlan,
  slots: readonly MergedSlot[],
  context: PlanContext,
): Promise<StoredPart> {
  const { checkpoints, classOf, quantizer, memory, signal, onSlot } = context;
  const tensors: StoredTensor[] = [];
  const fallbacks: QuantizationFallback[] = [];
  const blocks: BlockOrigin[] = [];
  for (const bound of slots) {
    const checkpoint = checkpoints[bound.component];
    const weightClass = classOf(bound.slot, graph);
    const kept = await keepBlocks(bound, checkpoint, weightClass, memory, signal);
    const storage =
      kept ?? (await planStorage(bound.slot, weightClass, slotPieces(bound, checkpoint, signal), quantizer, memory));
    tensors.push(...storage.tensors);
    if (isBlockClass(weightClass) && bound.slot.kind === 'linear') {
      const { dtype } = checkpoint.tensors.get(bound.tensor)!;
      blocks.push({ tensorClass: bound.slot.tensorClass, dtype, isKept: kept !== undefined });
    }
    if (storage.reason !== undefined) {
      fallbacks.push({ tensor: bound.slot.name, asked: 'f16', used: 'f32', reason: storage.reason });
    }
    onSlot(bound);
  }
  return { tensors, fallbacks, blocks };
}
