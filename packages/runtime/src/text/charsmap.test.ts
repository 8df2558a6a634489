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
const charsmapOf = (base64: string) => new Charsmap(base64, 'a/tokenizer.json');

describe('a charsmap', () => {
  const charsmap = charsmapOf(MAP);

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
  const base64 = (...pieces: Buffer[]) => Buffer.concat(pieces).toString('base64');

  it.each([
    ['empty', '', 'begin with the bytes of its trie, got 0 of 0 bytes'],
    ['shorter than it says', base64(bytes.subarray(0, 100)), 'begin with the bytes of its trie'],
    ['of no whole units', base64(Buffer.of(3, 0, 0, 0), bytes), 'begin with the bytes of its trie, got 3 of'],
    ['no base64', '\u2581', 'be base64, got other characters'],
    // A prompt of 32,000 characters would become as many of them.
    [
      'with a text of a megabyte',
      base64(bytes, Buffer.alloc(1e6, 'a')),
      'have texts of at most 256 bytes, got 1000000',
    ],
  ])('that is %s is refused', (_, broken, message) => {
    const refusal = { code: 'model/tokenizer-invalid', message: expect.stringContaining(message) };
    expect(() => charsmapOf(broken)).toThrow(expect.objectContaining(refusal));
  });

  it('gives some text and ends, whatever its bytes are', () => {
    for (let at = 4; at < bytes.length; at += 7) {
      const broken = Buffer.from(bytes);
      broken.fill(at % 256, at, Math.min(at + 5, broken.length));
      expect(typeof charsmapOf(base64(broken)).normalize('e\u0301 ﬁ ａ')).toBe('string');
    }
  });
});
