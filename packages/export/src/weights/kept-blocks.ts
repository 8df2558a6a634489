import { FormatError, isBlockClass, QUANT_BLOCK, type WeightClass } from '@flux-srpo/core';
import { f16ToF32, GGML_TYPES } from '@flux-srpo/formats';
import type { Range } from '../key-maps/binding.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import { canHold, KeptBlocks } from '../quantize/ggml-blocks.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { blockTensors, storedCodes, storedFloats, storedHalves, storedOffsetBlocks } from './block-tensors.ts';
import type { SlotStorage } from './plan-storage.ts';
import { readAhead } from './slot-reader.ts';

/**
 * Stores a slot's quantized blocks as they are: same codes and scales, in MatMulNBits' order.
 * Undefined where that cannot be: the file has no blocks, the class cannot hold them, a cut goes
 * through a block, or a LoRA changes the numbers. Such weights are dequantized and quantized again.
 * The codes are held from then on.
 */
export async function keepBlocks(
  bound: MergedSlot,
  checkpoint: Checkpoint,
  weightClass: WeightClass,
  signal?: AbortSignal,
): Promise<SlotStorage | undefined> {
  const { slot, tensor, rowLength, columns, deltas } = bound;
  const type = checkpoint.blockType(tensor);
  if (type === undefined || slot.kind !== 'linear' || !isBlockClass(weightClass)) return undefined;
  if (deltas !== undefined) return undefined;
  const [from, to] = columns;
  if (!canHold(weightClass, type) || rowLength % GGML_TYPES[type].length !== 0) return undefined;
  if (from % QUANT_BLOCK !== 0 || to % QUANT_BLOCK !== 0) return undefined;

  const shape = slot.shape as readonly [number, number];
  const kept = new KeptBlocks(weightClass, type, shape);
  const read = ([start, end]: Range) => checkpoint.readBlockRows(tensor, rowLength, start, end, signal);
  for await (const blocks of readAhead(bound, read, signal)) kept.add(blocks, rowLength, from);
  const { codes, scales, offsets } = kept;
  const bad = firstNotFinite(scales) ?? (offsets && firstNotFinite(offsets));
  if (bad !== undefined) {
    throw new FormatError(`${slot.name} must have finite block scales, got ${bad}; the checkpoint is damaged`, {
      code: 'format/value-invalid',
      details: { slot: slot.name, tensor, got: String(bad) },
    });
  }
  if (scales instanceof Float32Array) {
    return { tensors: blockTensors(slot, weightClass, storedOffsetBlocks({ codes, scales, offsets: offsets! })) };
  }
  const numbers = [storedCodes(codes)];
  if (weightClass === 'q4k') numbers.push(storedHalves(scales), storedHalves(new Uint16Array(scales.length)));
  else numbers.push(scales.some(isSubnormal) ? storedFloats(f16ToF32(scales), 'F32') : storedHalves(scales));
  return { tensors: blockTensors(slot, weightClass, numbers) };
}

/** @param numbers float32, or the bits of halves */
function firstNotFinite(numbers: Float32Array | Uint16Array): number | undefined {
  const isHalf = numbers instanceof Uint16Array;
  for (let i = 0; i < numbers.length; i++) {
    const x = numbers[i]!;
    if (isHalf ? (x & 0x7c00) === 0x7c00 : !Number.isFinite(x)) return isHalf ? f16ToF32(Uint16Array.of(x))[0]! : x;
  }
  return undefined;
}

/** The runtime may take such a scale for 0. */
function isSubnormal(half: number): boolean {
  return (half & 0x7c00) === 0 && (half & 0x3ff) !== 0;
}
