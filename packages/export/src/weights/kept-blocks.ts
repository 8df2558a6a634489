import { FormatError, isBlockClass, QUANT_BLOCK, storedWidth, type WeightClass } from '@flux-srpo/core';
import { GGML_TYPES } from '@flux-srpo/formats';
import type { MergedSlot } from '../lora/merged-slot.ts';
import { canHold, type Levels, packLevels, padScales, readLevels } from '../quantize/ggml-blocks.ts';
import { scaleDtype } from '../quantize/scale-dtype.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { blockTensors, storedCodes, storedFloats, storedOffsetBlocks } from './block-tensors.ts';
import type { SlotStorage } from './plan-storage.ts';
import { PIECE_WEIGHTS } from './slot-reader.ts';

/**
 * Stores a slot's quantized blocks as they are: same codes and scales, in MatMulNBits' order.
 * Undefined where that cannot be: the file has no blocks, the class cannot hold them, a cut goes
 * through a block, or a LoRA changes the numbers. Such weights are dequantized and quantized again.
 * The codes are held from then on.
 */
export async function keepBlocks(
  { slot, tensor, rows, rowLength, columns, deltas }: MergedSlot,
  checkpoint: Checkpoint,
  weightClass: WeightClass,
  signal?: AbortSignal,
): Promise<SlotStorage | undefined> {
  const type = checkpoint.blockType(tensor);
  if (type === undefined || slot.kind !== 'linear' || !isBlockClass(weightClass)) return undefined;
  if (deltas !== undefined) return undefined;
  const [from, to] = columns;
  if (!canHold(weightClass, type) || rowLength % GGML_TYPES[type].length !== 0) return undefined;
  if (from % QUANT_BLOCK !== 0 || to % QUANT_BLOCK !== 0) return undefined;

  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const blocksInRow = inFeatures / QUANT_BLOCK;
  const codesInRow = storedWidth(inFeatures, weightClass) / (weightClass === 'q8' ? 1 : 2);
  const codes = new Uint8Array(outFeatures * codesInRow);
  const scales = new Float32Array(outFeatures * blocksInRow);
  const offsets = new Float32Array(weightClass === 'q4k' ? scales.length : 0);
  let row = 0;
  const rowsAtOnce = Math.max(1, Math.floor(PIECE_WEIGHTS / rowLength));
  for (const [first, last] of rows) {
    for (let start = first; start < last; start += rowsAtOnce) {
      signal?.throwIfAborted();
      const end = Math.min(start + rowsAtOnce, last);
      const blocks = await checkpoint.readBlockRows(tensor, rowLength, start, end, signal);
      const piece = cutColumns(readLevels(type, blocks), rowLength, from, to);
      codes.set(packLevels(piece.levels, weightClass, inFeatures), row * codesInRow);
      scales.set(piece.scales, row * blocksInRow);
      for (const [i, offset] of piece.offsets?.entries() ?? []) {
        offsets[(i % blocksInRow) * outFeatures + row + Math.floor(i / blocksInRow)] = offset;
      }
      row += end - start;
    }
  }
  const bad = [scales, offsets].map((numbers) => numbers.find((x) => !Number.isFinite(x))).find((x) => x !== undefined);
  if (bad !== undefined) {
    throw new FormatError(`${slot.name} must have finite block scales, got ${bad}; the checkpoint is damaged`, {
      code: 'format/value-invalid',
      details: { slot: slot.name, tensor, got: String(bad) },
    });
  }
  const numbers =
    weightClass === 'q4k'
      ? storedOffsetBlocks({ codes, scales, offsets })
      : [storedCodes(codes), storedFloats(padScales(scales, weightClass, inFeatures), scaleDtype(scales))];
  return { tensors: blockTensors(slot, weightClass, numbers) };
}

/** Of whole rows, the blocks of columns `from` up to `to`. */
function cutColumns(whole: Levels, rowLength: number, from: number, to: number): Levels {
  const width = to - from;
  if (width === rowLength) return whole;
  const cut = <A extends Int8Array | Float32Array>(array: A, per: number, out: A): A => {
    const count = width / per;
    for (let at = 0, start = from / per; at < out.length; at += count, start += rowLength / per) {
      out.set(array.subarray(start, start + count), at);
    }
    return out;
  };
  const rows = whole.levels.length / rowLength;
  const perBlock = (numbers: Float32Array) => cut(numbers, QUANT_BLOCK, new Float32Array((rows * width) / QUANT_BLOCK));
  return {
    levels: cut(whole.levels, 1, new Int8Array(rows * width)),
    scales: perBlock(whole.scales),
    ...(whole.offsets && { offsets: perBlock(whole.offsets) }),
  };
}
