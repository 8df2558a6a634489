import { FormatError, isBlockClass, QUANT_BLOCK, type WeightClass } from '@flux-srpo/core';
import { f16ToF32, GGML_TYPES } from '@flux-srpo/formats';
import type { Range } from '../key-maps/binding.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import { canHold, KeptBlocks } from '../quantize/ggml-blocks.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { blockTensors, storedCodes, storedFloats, storedHalves, storedOffsetBlocks } from './block-tensors.ts';
import type { PartMemory } from './part-memory.ts';
import type { SlotStorage } from './plan-storage.ts';
import { readAhead } from './slot-reader.ts';

/**
 * Stores a slot's quantized blocks as they are: same codes and scales, in MatMulNBits' order.
 * Undefined where that cannot be: the file has no blocks, the class cannot hold them, a cut goes
 * through a block, or a LoRA changes the numbers. Such weights are dequantized and quantized again.
 * `memory` holds the codes from then on.
 */
export async function keepBlocks(
  bound: MergedSlot,
  checkpoint: Checkpoint,
  weightClass: WeightClass,
  memory: PartMemory,
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
  const kept = new KeptBlocks(weightClass, type, shape, (bytes) => memory.take(bytes));
  const read = ([start, end]: Range) => checkpoint.readBlockRows(tensor, rowLength, start, end, signal);
  for await (const blocks of readAhead(bound, read, signal)) kept.add(blocks, rowLength, from);
  const { codes, scales, offsets } = kept;
  const { bad, hasSubnormal } = scales instanceof Uint16Array ? inspectHalves(scales) : inspectFloats(scales, offsets!);
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
  else numbers.push(hasSubnormal ? storedFloats(f16ToF32(scales), 'F32') : storedHalves(scales));
  return { tensors: blockTensors(slot, weightClass, numbers) };
}

/** What the runtime cannot take: a number that is not finite, and scales that it may take for 0. */
interface Inspected {
  readonly bad?: number | undefined;
  readonly hasSubnormal: boolean;
}

/** @param bits of halves */
function inspectHalves(bits: Uint16Array): Inspected {
  let hasSubnormal = false;
  // One loop: there is a scale for each 18 bytes of the source.
  for (let i = 0; i < bits.length; i++) {
    const exponent = bits[i]! & 0x7c00;
    if (exponent === 0x7c00) return { bad: f16ToF32(bits.subarray(i, i + 1))[0], hasSubnormal };
    if (exponent === 0 && (bits[i]! & 0x3ff) !== 0) hasSubnormal = true;
  }
  return { hasSubnormal };
}

function inspectFloats(scales: Float32Array, offsets: Float32Array): Inspected {
  const isBad = (x: number): boolean => !Number.isFinite(x);
  return { bad: scales.find(isBad) ?? offsets.find(isBad), hasSubnormal: false };
}
