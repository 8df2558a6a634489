import { describe, expect, it } from 'vitest';
import { readLoras } from './lora-option.ts';

describe('--lora', () => {
  it.each([
    ['style.safetensors', 'style.safetensors', 1],
    ['/a/style.safetensors:0.8', 'style.safetensors', 0.8],
    ['a:b/style.safetensors:-1', 'style.safetensors', -1],
    ['style:.5', 'style', 0.5],
    ['style:1e-1', 'style', 0.1],
    ['C:\\style.safetensors', 'C:\\style.safetensors', 1],
    ['https://hub.example:8080/a/style.safetensors', 'style.safetensors', 1],
    ['https://hub.example/a/style.safetensors:2', 'style.safetensors', 2],
    // Not numbers, so parts of the name.
    ['style:NaN', 'style:NaN', 1],
    ['style:', 'style:', 1],
    ['style:0x1', 'style:0x1', 1],
  ])('%s is %s at %d', (value, name, strength) => {
    expect(readLoras([value], undefined)).toMatchObject([{ file: { name }, strength }]);
  });

  it.each([
    'style.safetensors:strong',
    'a/style.sft:',
    'style.safetensors:0x1',
    'https://hub.example/s.safetensors:1,5',
  ])('%s has a strength that is no number', (value) => {
    expect(() => readLoras([value], undefined)).toThrow(/strength must be a number like 0.8, got "(strong||0x1|1,5)"/);
  });

  it('of plain http is refused, as every weight', () => {
    expect(() => readLoras(['http://hub.example/style.safetensors:1'], 'secret')).toThrow('must come over https');
  });
});
