import { torchRandn, type WeightClass } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import type { WeightSlot } from '../graphs/index.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { arrayOf } from '../tensors/numbers.ts';
import { PartMemory } from './part-memory.ts';
import type { Pieces } from './pieces.ts';
import { planStorage } from './plan-storage.ts';
import { slotPieces } from './slot-reader.ts';

const SLOT: WeightSlot = { name: 'x.weight', kind: 'linear', shape: [70, 64], tensorClass: 'mlp' };
const VALUES = torchRandn(7, 70 * 64);

/** The rows in pieces of `rowsAtOnce`. */
function inPieces(rowsAtOnce: number): Pieces {
  return async function* () {
    for (let row = 0; row < 70; row += rowsAtOnce) yield VALUES.subarray(row * 64, (row + rowsAtOnce) * 64);
  };
}

/** Memory with old bytes in it, other ones each time: they show where a result is not written. */
function usedMemory(): PartMemory {
  const memory = new PartMemory();
  memory.take(70 * 64 * 8);
  memory.reuse();
  memory.take(70 * 64 * 8).fill(++uses);
  memory.reuse();
  return memory;
}

let uses = 0;

async function allBytes(weightClass: WeightClass, pieces: Pieces): Promise<Record<string, number[]>> {
  const { tensors } = await planStorage(SLOT, weightClass, pieces, undefined, usedMemory());
  const stored: Record<string, number[]> = {};
  for (const tensor of tensors) {
    const bytes: number[] = [];
    for await (const piece of tensor.bytes()) bytes.push(...piece);
    stored[`${tensor.name} ${tensor.dtype} ${tensor.shape}`] = bytes;
  }
  return stored;
}

describe('a stored weight', () => {
  // A tensor of FLUX.1 takes many pieces, a tiny one a single piece: both must give the same file.
  it.each<WeightClass>(['f32', 'f16', 'q8', 'q4', 'q4m'])(
    'of %s does not depend on the pieces it was read in',
    async (weightClass) => {
      const whole = await allBytes(weightClass, inPieces(70));
      expect(await allBytes(weightClass, inPieces(33))).toEqual(whole);
      expect(await allBytes(weightClass, inPieces(1))).toEqual(whole);
    },
  );

  it('has the names, dtypes and shapes that the graph’s inputs have', async () => {
    expect(Object.keys(await allBytes('q4', inPieces(70)))).toEqual(['x.weight U8 70,2,16', 'x.scales F16 70,2']);
    // 64 features and twice the sums of their two blocks, each padded to 32 columns.
    expect(Object.keys(await allBytes('q4m', inPieces(70)))).toEqual(['x.weight U8 70,4,16', 'x.scales U8 70,4']);
    expect(Object.keys(await allBytes('q8', inPieces(70)))).toEqual(['x.weight U8 70,2,32', 'x.scales F16 70,2']);
    expect(Object.keys(await allBytes('f16', inPieces(70)))).toEqual(['x.weight F16 64,70']);
  });
});

describe('a slot’s pieces', () => {
  it('are whole rows, cut to the slot’s columns, in the order of its row ranges', async () => {
    // 5 rows of 3,000,000: one row is 12 MB of float32, so a piece of 16 MiB holds one.
    const rowLength = 3_000_000;
    const reads: [number, number][] = [];
    const checkpoint: Pick<Checkpoint, 'readRows'> = {
      async readRows(_tensor, length, start, end) {
        reads.push([start, end]);
        return Float32Array.from({ length: (end - start) * length }, (_, i) => start * 10 + (i % length));
      },
    };
    const bound = {
      slot: SLOT,
      component: 'transformer',
      tensor: 't',
      rows: [[3, 5] as const, [0, 2] as const],
      rowLength,
      columns: [2, 5] as const,
    } as const;
    const pieces: number[][] = [];
    for await (const piece of slotPieces(bound, checkpoint as Checkpoint)()) pieces.push([...arrayOf(piece)]);
    expect(reads).toEqual([
      [3, 4],
      [4, 5],
      [0, 1],
      [1, 2],
    ]);
    expect(pieces).toEqual([
      [32, 33, 34],
      [42, 43, 44],
      [2, 3, 4],
      [12, 13, 14],
    ]);
  });
});
