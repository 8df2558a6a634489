import type { BoundSlot, Range } from '../key-maps/binding.ts';
import { addDeltas } from '../lora/add-deltas.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { cutColumns, type Numbers } from '../tensors/numbers.ts';
import type { Pieces } from './plan-storage.ts';

/** Weights read and encoded at a time: large enough for full disk speed, small beside any tensor that matters. */
const PIECE_WEIGHTS = 4 * 1024 * 1024;

/** The weights of a slot, read from the checkpoint in whole rows, LoRAs merged. A piece is [rows, columns of the slot]. */
export function slotPieces(bound: MergedSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const pieces = storedPieces(bound, checkpoint, signal);
  return bound.deltas === undefined ? pieces : addDeltas(pieces, bound.columns, bound.deltas, signal);
}

/** The next piece is read while one is worked on. */
function storedPieces(bound: BoundSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const { tensor, rowLength, columns } = bound;
  const ranges = bound.rows.flatMap((range) => inSteps(range, Math.max(1, Math.floor(PIECE_WEIGHTS / rowLength))));
  const read = ([start, end]: Range) => checkpoint.readRows(tensor, rowLength, start, end, signal);
  return async function* () {
    let ahead: Promise<Numbers> | undefined;
    try {
      for (const [i, range] of ranges.entries()) {
        signal?.throwIfAborted();
        const rows = await (ahead ?? read(range));
        ahead = i + 1 < ranges.length ? read(ranges[i + 1]!) : undefined;
        // Its error is thrown when its turn comes.
        ahead?.catch(() => {});
        yield cutColumns(rows, rowLength, columns);
      }
    } finally {
      // Whoever closes the file next must not find it being read.
      await Promise.allSettled([ahead]);
    }
  };
}

function inSteps([first, last]: Range, step: number): Range[] {
  const count = Math.ceil((last - first) / step);
  return Array.from({ length: count }, (_, i) => [first + i * step, Math.min(first + (i + 1) * step, last)]);
}
