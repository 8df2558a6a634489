import { expect, it } from 'vitest';
import { formatCount } from './format-count.ts';

it.each([
  [0, '0 tensors'],
  [1, '1 tensor'],
  [2, '2 tensors'],
])('%i is in the number that English has for it', (count, text) => {
  expect(formatCount(count, 'tensor')).toBe(text);
});
