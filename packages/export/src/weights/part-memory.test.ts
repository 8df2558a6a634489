import { expect, it } from 'vitest';
import { PartMemory } from './part-memory.ts';

const SIZES = [100, 7, 4096];

/** Where each piece lies: none may overlap another, and typed arrays need a multiple of 4. */
function takeAll(memory: PartMemory): Uint8Array[] {
  const pieces = SIZES.map((bytes) => memory.take(bytes));
  for (const [i, piece] of pieces.entries()) piece.fill(i);
  for (const [i, piece] of pieces.entries()) {
    expect(piece.byteOffset % 4).toBe(0);
    expect(piece).toEqual(new Uint8Array(SIZES[i]!).fill(i));
  }
  return pieces;
}

it('memory of a part that is written is given out again, each piece to one taker', () => {
  const memory = new PartMemory();
  takeAll(memory);
  memory.reuse();
  const [first] = takeAll(memory);
  memory.reuse();
  for (const { buffer } of takeAll(memory)) expect(buffer).toBe(first!.buffer);
  memory.reuse();
  expect(memory.take(1 << 20)).toHaveLength(1 << 20);
});
