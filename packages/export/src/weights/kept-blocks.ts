import { FormatError, isBlockClass, QUANT_BLOCK, type WeightClass } from '@flux-srpo/core';
import { f32ToF16, type GgmlTypeName } from '@flux-srpo/formats';
import { weightInputs } from '../graphs/weights.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import { isExactIn, type Levels, packLevels, padScales, readLevels } from '../quantize/ggml-blocks.ts';
import { scaleDtype } from '../quantize/scale-dtype.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { SlotStorage } from './plan-storage.ts';
import { PIECE_WEIGHTS } from './slot-reader.ts';

/** A slot that keeps the source's own blocks, and their ggml type. */
export interface KeptSlot extends SlotStorage {
  readonly type: GgmlTypeName;
}

/**
 * Stores a slot's quantized blocks as they are: same codes and scales, in MatMulNBits' order.
 * Undefined where that cannot be: the file has no blocks, the class cannot hold them exactly, a cut
 * goes through a block, or a LoRA changes the numbers. Such weights are dequantized and quantized
 * again.
 */
export async function keepBlocks(
  { slot, tensor, rows, rowLength, columns, deltas }: MergedSlot,
  checkpoint: Checkpoint,
  weightClass: WeightClass,
  signal?: AbortSignal,
): Promise<KeptSlot | undefined> {
  const type = checkpoint.blockType(tensor);
  if (type === undefined || slot.kind !== 'linear' || !isBlockClass(weightClass)) return undefined;
  if (deltas !== undefined) return undefined;
  const [from, to] = columns;
  if (
    !isExactIn(type, weightClass) ||
    from % QUANT_BLOCK !== 0 ||
    to % QUANT_BLOCK !== 0 ||
    rowLength % QUANT_BLOCK !== 0
  )
    return undefined;

  const rowsAtOnce = Math.max(1, Math.floor(PIECE_WEIGHTS / rowLength));
  async function* pieces(): AsyncGenerator<Levels> {
    for (const [first, last] of rows) {
      for (let start = first; start < last; start += rowsAtOnce) {
        signal?.throwIfAborted();
        const end = Math.min(start + rowsAtOnce, last);
        const blocks = await checkpoint.readBlockRows(tensor, rowLength, start, end, signal);
        yield cutColumns(readLevels(type!, blocks), rowLength, from, to);
      }
    }
  }

  const [values, scaleInput] = weightInputs(slot, weightClass);
  const scales = new Float32Array((slot.shape[0]! * slot.shape[1]!) / QUANT_BLOCK);
  let at = 0;
  for await (const piece of pieces()) {
    scales.set(piece.scales, at);
    at += piece.scales.length;
  }
  const bad = scales.find((scale) => !Number.isFinite(scale));
  if (bad !== undefined) {
    throw new FormatError(`${slot.name} must have finite block scales, got ${bad}; the checkpoint is damaged`, {
      code: 'format/value-invalid',
      details: { slot: slot.name, tensor, got: String(bad) },
    });
  }
  const dtype = scaleDtype(scales);
  const padded = padScales(scales, weightClass, to - from);
  const scaleValues = dtype === 'F16' ? f32ToF16(padded) : padded;
  return {
    type,
    tensors: [
      {
        name: values!.name,
        shape: values!.dims,
        dtype: 'U8',
        async *bytes() {
          for await (const piece of pieces()) yield packLevels(piece.levels, weightClass, to - from);
        },
      },
      {
        name: scaleInput!.name,
        shape: scaleInput!.dims,
        dtype,
        async *bytes() {
          yield new Uint8Array(scaleValues.buffer);
        },
      },
    ],
  };
}

/** The blocks of columns `from` up to `to`, from whole rows. */
function cutColumns({ levels, scales }: Levels, rowLength: number, from: number, to: number): Levels {
  const width = to - from;
  if (width === rowLength) return { levels, scales };
  const count = levels.length / rowLength;
  const cut = { levels: new Int8Array(count * width), scales: new Float32Array((count * width) / QUANT_BLOCK) };
  for (let row = 0; row < count; row++) {
    const start = row * rowLength;
    cut.levels.set(levels.subarray(start + from, start + to), row * width);
    cut.scales.set(
      scales.subarray((start + from) / QUANT_BLOCK, (start + to) / QUANT_BLOCK),
      (row * width) / QUANT_BLOCK,
    );
  }
  return cut;
}
