import { describe, expect, it } from 'vitest';
import { numberOption } from './options.ts';

describe('a number on the command line', () => {
  it.each([
    ['0', 0],
    ['28', 28],
    ['-1', -1],
    ['4.5', 4.5],
    ['7.0', 7],
    ['1e3', 1000],
    ['9007199254740991', 2 ** 53 - 1],
  ])('%s is read as it stands', (text, number) => {
    expect(numberOption(text, 'seed')).toBe(number);
  });

  it.each(['9007199254740992', '9007199254740993', '1e400', '1.00000000000000001', '-9007199254740993'])(
    '%s would become another number, and is refused as it was typed',
    (text) => {
      expect(() => numberOption(text, 'seed')).toThrow(
        `--seed must be a number${text === '1e400' ? '' : ' that can be kept exactly'}, got "${text}"`,
      );
    },
  );

  it.each(['', ' ', '4x', '0x10', 'NaN', 'Infinity', '1_000', '.', '--1'])('"%s" is not one', (text) => {
    expect(() => numberOption(text, 'seed')).toThrow(`--seed must be a number, got "${text}"`);
  });
});
