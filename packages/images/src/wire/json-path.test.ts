import { describe, expect, it } from 'vitest';
import { readPath, writePath } from './json-path.ts';

describe('readPath', () => {
  it('goes through objects and lists', () => {
    expect(readPath({ detail: [{ msg: 'no' }] }, 'detail.0.msg')).toBe('no');
  });

  it.each([
    [{}, 'toString'],
    [{ a: {} }, 'a.constructor.name'],
    [[], 'map'],
    ['text', 'length'],
    [null, 'a'],
    [undefined, 'a'],
    [{ a: null }, 'a.b'],
  ])('finds nothing in %j at %s: inherited fields are not data', (value, path) => {
    expect(readPath(value, path)).toBeUndefined();
  });
});

describe('writePath', () => {
  it('adds to objects that are there', () => {
    const target = { a: { b: 1 } };
    writePath(target, 'a.c.d', 2);
    writePath(target, 'e', 3);
    expect(target).toEqual({ a: { b: 1, c: { d: 2 } }, e: 3 });
  });
});
