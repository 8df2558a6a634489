import { expect, it } from 'vitest';
import { methodOf, routeOf } from './route.ts';

it.each([
  ['/v1/images/generations', '/v1/images/generations'],
  ['/v1/images/generations/?prompt=secret', '/v1/images/generations'],
  ['/v1/models', '/v1/models'],
  ['/v1/models/a/secret', '/v1/models/:id'],
  ['/images/secret.png', '/images/:file'],
  ['/ready/', '/ready'],
  ['/health?secret', '/health'],
  ['/secret', 'other'],
  ['http://secret/', 'other'],
  ['', 'other'],
])('%s is told as %s', (url, route) => {
  expect(routeOf(url)).toBe(route);
});

it('tells a method that it does not know as "other"', () => {
  expect(['GET', 'BREW', undefined].map(methodOf)).toEqual(['GET', 'other', 'other']);
});
