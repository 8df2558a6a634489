import { expect, it } from 'vitest';
import { CLIP, T5, tokenizerBundle } from '../../../../test/support/small-tokenizers.ts';
import { loadTokenizers } from './tokenizers.ts';

it('gives ids of the vocabulary, between the special ones, padded', async () => {
  const { clip, t5 } = await loadTokenizers(tokenizerBundle({ clip: CLIP, t5: T5 }));
  // <|startoftext|> red <|endoftext|>, which is the padding too; then ▁red </s> and <pad>.
  expect(clip.tokenize('red', 4)).toEqual({ ids: [6, 4, 5, 5], dropped: 0 });
  expect(t5.tokenize('red', 4)).toEqual({ ids: [3, 1, 0, 0], dropped: 0 });
});

it('refuses a vocabulary that has no id for what it makes of a prompt', async () => {
  const model = { ...CLIP.json.model, unk_token: 'not in it' };
  const files = { clip: { ...CLIP, json: { ...CLIP.json, model } }, t5: T5 };
  const { clip } = await loadTokenizers(tokenizerBundle(files));
  expect(() => clip.tokenize('red house', 8)).toThrow(
    expect.objectContaining({
      code: 'model/tokenizer-invalid',
      message: expect.stringContaining('clip/tokenizer.json'),
    }),
  );
});
