import { describe, expect, it } from 'vitest';
import { cpuMemory } from './cpu-memory.ts';

describe('memory to plan for on the CPU', () => {
  it('is 70 % of what is free, and says so', () => {
    expect(cpuMemory(undefined, 20e9)).toEqual({
      memoryTarget: 14e9,
      notes: ['plans for 14.0 GB of memory, 70 % of what is free; --budget sets another bound'],
    });
  });

  it('is the budget where one is given', () => {
    expect(cpuMemory(2e9, 20e9)).toEqual({ memoryBudget: 2e9, notes: [] });
  });

  it('comes after why the CPU computes, where nobody asked for it', () => {
    expect(cpuMemory(2e9, 20e9, 'no GPU was found').notes).toEqual(['computes on the CPU: no GPU was found']);
  });
});
