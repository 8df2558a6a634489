import type { Checkpoint } from './checkpoint.ts';
import type { BoundSlot } from './keys/bind.ts';
import { addDeltas } from './lora/add-deltas.ts';
import type { Pieces } from './storage.ts';

/** Float32 bytes read and encoded at a time: large enough for full disk speed, small beside any tensor that matters. */
const PIECE_BYTES = 16 * 1024 * 1024;

/** The weights of a slot, read from the checkpoint in whole rows, LoRAs merged. A piece is [rows, columns of the slot]. */
export function slotPieces(bound: BoundSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const pieces = storedPieces(bound, checkpoint, signal);
  return bound.deltas === undefined ? pieces : addDeltas(pieces, bound.columns, bound.deltas, signal);
}

function storedPieces(bound: BoundSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const { tensor, rowLength, columns } = bound;
  const rowsAtOnce = Math.max(1, Math.floor(PIECE_BYTES / (4 * rowLength)));
  return async function* () {
    for (const [first, last] of bound.rows) {
      for (let start = first; start < last; start += rowsAtOnce) {
        signal?.throwIfAborted();
        const end = Math.min(start + rowsAtOnce, last);
        const rows = await checkpoint.readRows(tensor, rowLength, start, end, signal);
        yield cutColumns(rows, rowLength, columns);
      }
    }
  };
}

function cutColumns(rows: Float32Array, rowLength: number, [start, end]: BoundSlot['columns']): Float32Array {
  const width = end - start;
  if (width === rowLength) return rows;
  const count = rows.length / rowLength;
  const cut = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    cut.set(rows.subarray(row * rowLength + start, row * rowLength + end), row * width);
  }
  return cut;
}
