import { FormatError } from '@flux-srpo/core';
import type { Range } from '../key-maps/binding.ts';
import { toFloat32 } from '../tensors/numbers.ts';
import type { Pieces } from '../weights/pieces.ts';
import type { SlotDelta } from './merged-slot.ts';

/**
 * W' = W + Σ delta, piece by piece, in the order of the LoRAs.
 * @param pieces [rows, columns] each
 * @param columns of the tensor that the pieces are cut from; only their number counts here
 */
export function addDeltas(
  pieces: Pieces,
  [from, to]: Range,
  deltas: readonly SlotDelta[],
  signal?: AbortSignal,
): Pieces {
  const width = to - from;
  return async function* () {
    const adds = [];
    for (const delta of deltas) adds.push(await delta.begin(width, signal));
    let row = 0;
    for await (const piece of pieces()) {
      // The piece may be a view of the source's own memory.
      const merged = piece instanceof Float32Array ? piece.slice() : toFloat32(piece);
      const end = row + merged.length / width;
      for (const add of adds) await add(merged, row, end);
      row = end;
      yield merged;
    }
  };
}

/**
 * The rows of a LoRA's tensor that rows `start` up to `end` of a slot are made of.
 * @param ranges rows of the tensor, in the order of the slot's own
 * @param read rows of the tensor
 * @returns [end − start, rowLength]
 */
export async function readRanges(
  ranges: readonly Range[],
  start: number,
  end: number,
  rowLength: number,
  read: (start: number, end: number) => Promise<Float32Array>,
): Promise<Float32Array> {
  const out = new Float32Array((end - start) * rowLength);
  let first = 0;
  for (const [from, to] of ranges) {
    const [low, high] = [Math.max(start, first), Math.min(end, first + to - from)];
    if (low < high) out.set(await read(from + low - first, from + high - first), (low - start) * rowLength);
    first += to - from;
  }
  return out;
}

export function requireFinite(file: string, tensor: string, values: Float32Array): Float32Array {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad === undefined) return values;
  throw new FormatError(`${file}: ${tensor} must hold finite numbers, got ${bad}; the LoRA is damaged`, {
    code: 'format/value-invalid',
    details: { name: file, tensor, got: String(bad) },
  });
}
