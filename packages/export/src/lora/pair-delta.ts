import type { BoundSlot } from '../key-maps/binding.ts';
import { readValues, type TensorStore } from '../tensors/tensor-store.ts';
import { readRanges, requireFinite } from './add-deltas.ts';
import { addProduct } from './add-product.ts';
import type { SlotDelta } from './merged-slot.ts';
import type { LoraPair } from './pairs.ts';

/**
 * scale · up[rows] · down[:, columns]. Memory holds a layer's `down`, and a piece's rows of `up`.
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
