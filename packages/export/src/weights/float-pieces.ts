import { f32ToF16 } from '@flux-srpo/formats';
import type { WeightSlot } from '../graphs/slots.ts';
import { toFloat32 } from '../tensors/numbers.ts';
import { asBytes } from './block-tensors.ts';
import type { Pieces } from './pieces.ts';

type FloatDtype = 'F32' | 'F16';

export async function* inOrder(dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  for await (const rows of pieces()) yield narrow(toFloat32(rows), dtype);
}

/** Rows per step of the transposition: few enough that both sides stay in the cache. */
const TILE = 32;

/** [N, K] → [K, N]. Holds the whole tensor in memory. */
export async function* transposed(slot: WeightSlot, dtype: FloatDtype, pieces: Pieces): AsyncGenerator<Uint8Array> {
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  const length = outFeatures * inFeatures;
  const out = dtype === 'F16' ? new Uint16Array(length) : new Float32Array(length);
  let firstRow = 0;
  for await (const piece of pieces()) {
    const rows = toFloat32(piece);
    const values = dtype === 'F16' ? f32ToF16(rows) : rows;
    const count = rows.length / inFeatures;
    for (let tile = 0; tile < count; tile += TILE) {
      const tileEnd = Math.min(tile + TILE, count);
      for (let k = 0; k < inFeatures; k++) {
        const column = k * outFeatures + firstRow;
        for (let row = tile; row < tileEnd; row++) out[column + row] = values[row * inFeatures + k]!;
      }
    }
    firstRow += count;
  }
  yield asBytes(out);
}

function narrow(values: Float32Array, dtype: FloatDtype): Uint8Array {
  return asBytes(dtype === 'F16' ? f32ToF16(values) : values);
}
