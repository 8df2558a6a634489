import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Charsmap } from './charsmap.ts';

/** Texts as the tokenizers library for Python normalizes them (test/reference/make_spiece.py). */
const { tokenizer, cases } = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/tokenizers/spiece/ids.json', import.meta.url), 'utf8'),
) as {
  tokenizer: { normalizer: { precompiled_charsmap: string } };
  cases: { prompt: string; normalized: string }[];
};
const MAP = tokenizer.normalizer.precompiled_charsmap;

describe('a charsmap', () => {
  const charsmap = new Charsmap(MAP);

  it.each(cases)('makes of $prompt what the tokenizers library makes of it', ({ prompt, normalized }) => {
    expect(charsmap.normalize(prompt)).toBe(normalized);
  });

  it('is not NFKC', () => {
    expect(cases.filter(({ prompt, normalized }) => prompt.normalize('NFKC') !== normalized).length).toBeGreaterThan(5);
  });

  it('leaves zeros in a text alone', () => {
    expect(charsmap.normalize('a\0b')).toBe('a\0b');
  });
});

describe('a broken charsmap', () => {
  const bytes = Buffer.from(MAP, 'base64');

  it.each([
    ['empty', Buffer.alloc(0)],
    ['shorter than it says', bytes.subarray(0, 100)],
    ['of no whole units', Buffer.concat([Buffer.of(3, 0, 0, 0), bytes])],
  ])('that is %s is refused', (_, broken) => {
    expect(() => new Charsmap(broken.toString('base64'))).toThrow('a charsmap must begin with');
  });

  it('gives some text and ends, whatever its bytes are', () => {
    for (let at = 4; at < bytes.length; at += 7) {
      const broken = Buffer.from(bytes);
      broken.fill(at % 256, at, Math.min(at + 5, broken.length));
      expect(typeof new Charsmap(broken.toString('base64')).normalize('e\u0301 ﬁ ａ')).toBe('string');
    }
  });
});
