import { FormatError } from '@flux-srpo/core';
import type { Range } from '../key-maps/binding.ts';
import { toFloat32 } from '../tensors/numbers.ts';
import type { Pieces } from '../weights/plan-storage.ts';
import type { SlotDelta } from './merged-slot.ts';

/**
 * W' = W + Σ scale · up · down, piece by piece. Sums are float64 and rounded to float32 once per
 * LoRA. Memory holds one layer's `down` and the rows of `up` for one piece.
 *
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
    const downs: Float32Array[] = [];
    for (const delta of deltas) downs.push(await readDown(delta, width, signal));
    let row = 0;
    for await (const piece of pieces()) {
      // The piece may be a view of the source's own memory.
      const merged = piece instanceof Float32Array ? piece.slice() : toFloat32(piece);
      const count = merged.length / width;
      for (const [i, delta] of deltas.entries()) {
        const up = await readUp(delta, row, row + count, signal);
        addProduct(merged, up, downs[i]!, delta.pair.rank, delta.scale);
      }
      row += count;
      yield merged;
    }
  };
}

/**
 * Adds scale · up · down.
 *
 * @param rows [R, C], changed in place
 * @param up [R, rank]
 * @param down [rank, C]
 */
export function addProduct(
  rows: Float32Array,
  up: Float32Array,
  down: Float32Array,
  rank: number,
  scale: number,
): void {
  const width = down.length / rank;
  const count = up.length / rank;
  const sums = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    sums.fill(0);
    // Four ranks at a time: sums are loaded and stored a quarter as often.
    for (let k = 0; k < rank; k += 4) {
      const at = row * rank + k;
      const left = rank - k;
      const [a, b, c, d] = [
        up[at]!,
        left > 1 ? up[at + 1]! : 0,
        left > 2 ? up[at + 2]! : 0,
        left > 3 ? up[at + 3]! : 0,
      ];
      // Beyond the last rank the factor is 0, and any row will do.
      const first = k * width;
      const second = left > 1 ? first + width : first;
      const third = left > 2 ? second + width : first;
      const fourth = left > 3 ? third + width : first;
      for (let x = 0; x < width; x++) {
        sums[x]! += a * down[first + x]! + b * down[second + x]! + c * down[third + x]! + d * down[fourth + x]!;
      }
    }
    const start = row * width;
    for (let x = 0; x < width; x++) rows[start + x]! += scale * sums[x]!;
  }
}

/** [rank, width] */
async function readDown(delta: SlotDelta, width: number, signal?: AbortSignal): Promise<Float32Array> {
  const { rank, inFeatures, down } = delta.pair;
  const [from, to] = delta.columns;
  const all = requireFinite(delta, down, await delta.read(down, 0, rank * inFeatures, signal));
  if (width === inFeatures) return all;
  const cut = new Float32Array(rank * width);
  for (let k = 0; k < rank; k++) cut.set(all.subarray(k * inFeatures + from, k * inFeatures + to), k * width);
  return cut;
}

/** Rows `start` up to `end` of the slot: [end − start, rank]. */
async function readUp(delta: SlotDelta, start: number, end: number, signal?: AbortSignal): Promise<Float32Array> {
  const { rank, up } = delta.pair;
  const out = new Float32Array((end - start) * rank);
  let first = 0;
  for (const [from, to] of delta.rows) {
    const [low, high] = [Math.max(start, first), Math.min(end, first + to - from)];
    if (low < high) {
      const at = (from + low - first) * rank;
      const values = await delta.read(up, at, at + (high - low) * rank, signal);
      out.set(requireFinite(delta, up, values), (low - start) * rank);
    }
    first += to - from;
  }
  return out;
}

function requireFinite({ pair }: SlotDelta, tensor: string, values: Float32Array): Float32Array {
  const bad = values.find((value) => !Number.isFinite(value));
  if (bad === undefined) return values;
  throw new FormatError(`${pair.file}: ${tensor} must hold finite numbers, got ${bad}; the LoRA is damaged`, {
    code: 'format/value-invalid',
    details: { name: pair.file, tensor, got: String(bad) },
  });
}
