import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { patternPicture } from '../test-support/pattern-picture.ts';
import { resize } from './resize.ts';

interface Case {
  from: [number, number];
  to: [number, number];
  filter: string;
  resample: number;
  /** Hex. */
  rgb: string;
}

const FIXTURE = new URL('../../../../test/fixtures/oracles/safety-checker.json', import.meta.url);
const { resize: cases } = JSON.parse(await readFile(FIXTURE, 'utf8')) as { resize: Case[] };

describe('resize', () => {
  it.each(cases.map((each) => [each.filter, each.from.join('x'), each.to.join('x'), each] as const))(
    'gives Pillow’s bytes with %s from %s to %s',
    (_filter, _from, _to, { from, to, resample, rgb }) => {
      const resized = resize(patternPicture(...from), { width: to[0], height: to[1] }, resample);
      expect(Buffer.from(resized.rgb).toString('hex')).toBe(rgb);
    },
  );

  it('leaves a picture of that size alone', () => {
    const image = patternPicture(5, 4);
    expect(resize(image, { width: 5, height: 4 }, 3)).toBe(image);
  });
});
