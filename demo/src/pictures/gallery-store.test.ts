import { expect, it } from 'vitest';
import { tooMany } from './gallery-store.ts';
import type { Picture } from './picture.ts';

const picture = (id: string, size: number) => ({ id, png: { size } }) as Picture;

it('lets the oldest pictures go, past 200 or past 500 MB', () => {
  const many = Array.from({ length: 203 }, (_, i) => picture(String(i), 1));
  expect(tooMany(many).map(({ id }) => id)).toEqual(['200', '201', '202']);
  const large = [picture('new', 300e6), picture('middle', 200e6), picture('old', 1)];
  expect(tooMany(large).map(({ id }) => id)).toEqual(['old']);
});
