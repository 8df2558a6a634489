import type { WeightClass } from '@flux-srpo/core';
import { f32ToF16, type TensorSpec } from '@flux-srpo/formats';
import type { WeightSlot } from '../graphs/slots.ts';
import { weightInputs } from '../graphs/weight-inputs.ts';
import { type OffsetBlocks, offsetDtype } from '../quantize/offset-blocks.ts';

/** A tensor of a part's file and where its bytes come from. */
export interface StoredTensor extends TensorSpec {
  /** U8 that are the 8-bit floats of `q4m`'s scales. */
  readonly isE4m4?: boolean;
  bytes(): AsyncIterable<Uint8Array>;
}

/** Numbers as they are stored. */
export interface StoredNumbers {
  readonly dtype: 'U8' | 'F16' | 'F32';
  readonly isE4m4?: boolean;
  readonly bytes: Uint8Array;
}

export function storedCodes(bytes: Uint8Array): StoredNumbers {
  return { dtype: 'U8', bytes };
}

/** `q4m`'s scales, as codes of e4m4. */
export function storedE4m4(bytes: Uint8Array): StoredNumbers {
  return { dtype: 'U8', isE4m4: true, bytes };
}

export function storedFloats(numbers: Float32Array, dtype: 'F16' | 'F32'): StoredNumbers {
  return dtype === 'F16' ? storedHalves(f32ToF16(numbers)) : { dtype, bytes: asBytes(numbers) };
}

/** @param bits of halves */
export function storedHalves(bits: Uint16Array): StoredNumbers {
  return { dtype: 'F16', bytes: asBytes(bits) };
}

/** `q4k`: codes, scales, offsets. */
export function storedOffsetBlocks(blocks: OffsetBlocks): StoredNumbers[] {
  const dtype = offsetDtype(blocks);
  return [storedCodes(blocks.codes), storedFloats(blocks.scales, dtype), storedFloats(blocks.offsets, dtype)];
}

/** What a slot in blocks becomes. Holds `numbers`, which are in the order of the graph's inputs. */
export function blockTensors(
  slot: WeightSlot,
  weightClass: WeightClass,
  numbers: readonly StoredNumbers[],
): StoredTensor[] {
  return weightInputs(slot, weightClass).map(({ name, dims }, i) => {
    const { bytes, ...stored } = numbers[i]!;
    return { name, shape: dims, ...stored, bytes: () => once(bytes) };
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

export function asBytes(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
