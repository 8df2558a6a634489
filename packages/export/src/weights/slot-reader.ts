import type { BoundSlot, Range } from '../key-maps/binding.ts';
import { addDeltas } from '../lora/add-deltas.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { cutColumns } from '../tensors/numbers.ts';
import type { Pieces } from './pieces.ts';

/** Weights that are read at a time: enough for full disk speed, little beside a large tensor. */
const PIECE_WEIGHTS = 4 * 1024 * 1024;

/** A slot's weights with LoRAs merged, in pieces of whole rows: [rows, columns of the slot]. */
export function slotPieces(bound: MergedSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const pieces = storedPieces(bound, checkpoint, signal);
  return bound.deltas === undefined ? pieces : addDeltas(pieces, bound.columns, bound.deltas, signal);
}

/** The weights as the checkpoint has them. */
function storedPieces(bound: BoundSlot, checkpoint: Checkpoint, signal?: AbortSignal): Pieces {
  const { tensor, rowLength, columns } = bound;
  const read = ([start, end]: Range) => checkpoint.readRows(tensor, rowLength, start, end, signal);
  return async function* () {
    for await (const rows of readAhead(bound, read, signal)) yield cutColumns(rows, rowLength, columns);
  };
}

/** What `read` gives of a slot's rows. The next piece is read while the caller works on one. */
export async function* readAhead<Piece>(
  { rows, rowLength }: BoundSlot,
  read: (range: Range) => Promise<Piece>,
  signal?: AbortSignal,
): AsyncGenerator<Piece> {
  const ranges = rows.flatMap((range) => inSteps(range, Math.max(1, Math.floor(PIECE_WEIGHTS / rowLength))));
  let ahead: Promise<Piece> | undefined;
  try {
    for (const [i, range] of ranges.entries()) {
      signal?.throwIfAborted();
      const piece = await (ahead ?? read(range));
      ahead = i + 1 < ranges.length ? read(ranges[i + 1]!) : undefined;
      // An error is thrown when this piece's turn comes.
      ahead?.catch(() => {});
      yield piece;
    }
  } finally {
    // The file may be closed next, and must not be in use then.
    await Promise.allSettled([ahead]);
  }
}

function inSteps([first, last]: Range, step: number): Range[] {
  const count = Math.ceil((last - first) / step);
  return Array.from({ length: count }, (_, i) => [first + i * step, Math.min(first + (i + 1) * step, last)]);
}
