import { describe, expect, it } from 'vitest';
import { CLIP, PUBLISHED_T5, T5, tokenizerBundle } from '../../../../test/support/small-tokenizers.ts';
import { loadTokenizers } from './tokenizers.ts';

it('gives ids of the vocabulary, between the special ones, padded', async () => {
  const { clip, t5 } = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5: T5 }));
  // <|startoftext|> red <|endoftext|>, which is the padding too; then ▁red </s> and <pad>.
  expect(clip.tokenize('red', 4)).toEqual({ ids: [6, 4, 5, 5], dropped: 0 });
  expect(t5.tokenize('red', 4)).toEqual({ ids: [3, 1, 0, 0], dropped: 0 });
});

describe('a tokenizer of a stranger', () => {
  it('is refused by file, field, and what it must be', async () => {
    const json = { ...CLIP.json, pre_tokenizer: { type: 'FixedLength', length: 0 } };
    await expect(loadTokenizers(tokenizerBundle({ clip: { ...CLIP, json }, t5: T5 }))).rejects.toMatchObject({
      code: 'model/tokenizer-invalid',
      message:
        'clip/tokenizer.json: pre_tokenizer.type must be one of WhitespaceSplit, Metaspace, Split, ByteLevel, Sequence, got "FixedLength"; convert the model again',
      details: { path: 'clip/tokenizer.json', field: 'pre_tokenizer.type' },
    });
  });

  it('is refused where its special tokens are not in its vocabulary', async () => {
    const t5 = { ...T5, config: { ...T5.config, eos_token: 'none' } };
    await expect(loadTokenizers(tokenizerBundle({ clip: CLIP, t5 }))).rejects.toMatchObject({
      code: 'model/tokenizer-invalid',
      message: expect.stringContaining('t5/tokenizer_config.json must name a eos_token'),
    });
  });

  it('is refused where it is no JSON', async () => {
    const bundle = tokenizerBundle({ clip: CLIP, t5: T5 });
    const cut = { ...bundle, read: async (path: string) => (await bundle.read(path)).slice(1) };
    await expect(loadTokenizers(cut)).rejects.toMatchObject({ code: 'model/tokenizer-invalid' });
  });
});

/** The longest prompt of one text. */
const longest = (text: string) => text.repeat(32_000 / text.length);

describe('the longest prompt', () => {
  it.each([
    ['one letter', 'a'],
    ['unknown signs', '\u{1f600}'],
    ['a letter that doubles', '\u0130'],
    ['special tokens', '<|startoftext|></s>\n'],
  ])('of %s gives ids', async (_, text) => {
    const { clip, t5 } = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5: PUBLISHED_T5 }));
    expect(clip.tokenize(longest(text), 77).ids).toHaveLength(77);
    expect(t5.tokenize(longest(text), 512).ids).toHaveLength(512);
  });

  it('gives ids also where every beginning of it is a piece', async () => {
    const vocab = [...T5.json.model.vocab, ...Array.from({ length: 64 }, (_, i) => ['a'.repeat(i + 1), i / 100])];
    const t5 = { ...T5, json: { ...T5.json, model: { ...T5.json.model, vocab } } };
    const tokenizers = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5 }));
    expect(tokenizers.t5.tokenize(longest('a'), 512)).toMatchObject({ dropped: expect.any(Number) });
  });

  it('is refused where normalizing makes it too long', async () => {
    const { t5 } = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5: T5 }));
    // NFKC makes 18 characters of it.
    expect(() => t5.tokenize(longest('\ufdfa'), 512)).toThrow(
      expect.objectContaining({
        code: 'input/prompt-too-long',
        message: 'prompt must be at most 64000 characters once it is normalized, got 576000',
      }),
    );
  });

  it('needs no more of the stack than a worker has', async () => {
    const { t5 } = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5: T5 }));
    // `…` becomes three dots, each a piece; this many frames leave less than a worker has.
    const deep = (frames: number): number =>
      frames === 0 ? t5.tokenize('\u2026'.repeat(21_000), 8).dropped : deep(frames - 1);
    expect(deep(6000)).toBeGreaterThanOrEqual(0);
  });
});
