import { expect, it } from 'vitest';
import { PIECES_AT_ONCE, ReadMemory } from './read-memory.ts';

/** Those that are quantized, one that is handed over, one that is read. */
const IN_USE = PIECES_AT_ONCE + 2;

it('memory is handed out again only when those who may still use it have been passed over', () => {
  const memory = new ReadMemory();
  const taken = Array.from({ length: 3 * IN_USE }, () => memory.take(64));
  for (const [i, buffer] of taken.slice(IN_USE).entries()) {
    expect(taken.slice(i + 1, i + IN_USE)).not.toContain(buffer);
    expect(buffer).toBe(taken[i]);
  }
});

it('memory that is too small is replaced', () => {
  const memory = new ReadMemory();
  for (let i = 0; i < IN_USE; i++) memory.take(16);
  expect(memory.take(64).byteLength).toBe(64);
});
