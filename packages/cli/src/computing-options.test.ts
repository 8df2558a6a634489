import { describe, expect, it } from 'vitest';
import { readComputing } from './computing-options.ts';

describe('memory to plan for', () => {
  it('is 70 % of what is free, and says so', () => {
    const { memory, note } = readComputing({ 'accuracy-level': '0' }, 20e9);
    expect(memory).toEqual({ memoryTarget: 14e9 });
    expect(note).toBe('plans for 14.0 GB of memory, 70 % of what is free; --budget sets another bound');
  });

  it('is the budget where one is given', () => {
    expect(readComputing({ budget: '2GB', 'accuracy-level': '4' }, 20e9)).toEqual({
      accuracyLevel: 4,
      memory: { memoryBudget: 2e9 },
    });
  });

  it('names what an accuracy level can be', () => {
    expect(() => readComputing({ 'accuracy-level': '3' })).toThrow(/--accuracy-level must be one of 0, 4,.*got "3"/);
  });
});
