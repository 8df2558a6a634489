import type { BoundSlot } from '../key-maps/binding.ts';
import { readValues, type TensorStore } from '../tensors/store.ts';
import { readRanges, requireFinite } from './add-deltas.ts';
import type { SlotDelta } from './merged-slot.ts';
import type { LoraPair } from './pairs.ts';

/**
 * scale · up[rows] · down[:, columns]. Memory holds one layer's `down` and the rows of `up` for one
 * piece.
 *
 * @param scale strength · alpha / rank
 */
export function pairDelta(pair: LoraPair, scale: number, { rows, columns }: BoundSlot, store: TensorStore): SlotDelta {
  const { file, up, down, rank, inFeatures } = pair;
  return {
    async begin(width, signal) {
      const read = async (tensor: string, start: number, end: number) =>
        requireFinite(file, tensor, await readValues(store, tensor, start, end, signal));
      const [from, to] = columns;
      const all = await read(down, 0, rank * inFeatures);
      const cut = width === inFeatures ? all : new Float32Array(rank * width);
      if (cut !== all) {
        for (let k = 0; k < rank; k++) cut.set(all.subarray(k * inFeatures + from, k * inFeatures + to), k * width);
      }
      return async (merged, start, end) => {
        const ups = await readRanges(rows, start, end, rank, (a, b) => read(up, a * rank, b * rank));
        addProduct(merged, ups, cut, rank, scale);
      };
    },
  };
}

/**
 * Adds scale · up · down. Sums are float64.
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
