import { isBlockClass, type WeightClass } from '@flux-srpo/core';
import type { WeightSlot } from '../graphs/slots.ts';
import { type WeightInput, weightInputs } from '../graphs/weight-inputs.ts';
import { IN_PROCESS, type RowQuantizer } from '../quantize/row-quantizer.ts';
import { largestMagnitude } from '../quantize/staging.ts';
import { blockTensors, type StoredTensor } from './block-tensors.ts';
import { inOrder, transposed } from './float-pieces.ts';
import { notFinite } from './not-finite.ts';
import { PartMemory } from './part-memory.ts';
import type { Pieces } from './pieces.ts';
import { quantizeTensor } from './quantize-tensor.ts';

export interface SlotStorage {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly StoredTensor[];
  /** Why the numbers need a wider dtype on disk than the class says. Absent where they do not. */
  readonly reason?: string;
}

/** The first value that rounds to infinity as a float16. */
const F16_OVERFLOW = 65520;

/**
 * Decides how one slot is stored. Reads all its weights, because the numbers decide: a float16 must
 * not overflow, and a block's scale must not be subnormal. Quantized weights are held in memory
 * from then on; `bytes` of the others reads them again.
 * @param weightClass the class of the graph's inputs
 * @param memory holds quantized weights
 */
export async function planStorage(
  slot: WeightSlot,
  weightClass: WeightClass,
  pieces: Pieces,
  quantizer: RowQuantizer = IN_PROCESS,
  memory = new PartMemory(),
): Promise<SlotStorage> {
  if (isBlockClass(weightClass)) {
    const numbers = await quantizeTensor(slot, weightClass, pieces, quantizer, memory);
    return { tensors: blockTensors(slot, weightClass, numbers) };
  }
  const [{ name, dims }] = weightInputs(slot, weightClass) as [WeightInput];
  let max = 0;
  for await (const rows of pieces()) {
    const largest = largestMagnitude(rows);
    if (!Number.isFinite(largest)) throw notFinite(slot, largest);
    max = Math.max(max, largest);
  }
  const dtype = weightClass === 'f16' && max < F16_OVERFLOW ? 'F16' : 'F32';
  const bytes = () => (slot.kind === 'linear' ? transposed(slot, dtype, pieces) : inOrder(dtype, pieces));
  return {
    tensors: [{ name, shape: dims, dtype, bytes }],
    ...(weightClass === 'f16' && dtype === 'F32' && { reason: `a value of ${max} does not fit float16` }),
  };
}
