import { PreTrainedTokenizer } from '@huggingface/transformers';
import { expect, it } from 'vitest';
import { T5 } from '../../../../test/support/small-tokenizers.ts';
import { encodeWords, type UnigramModel } from './unigram.ts';

/** A model of transformers.js, whose own search is the oracle. */
function modelOf(vocab: readonly (readonly [string, number])[]): UnigramModel & ((words: string[]) => string[]) {
  const json = { ...T5.json, model: { ...T5.json.model, vocab } };
  return new PreTrainedTokenizer(json, T5.config)._tokenizer.model as never;
}

/** Repeatable numbers below 1. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; state = (state * 48_271) % 2_147_483_647) yield state / 2_147_483_647;
}

it('finds what the library’s search finds, in 300 words of known and unknown characters', () => {
  const random = numbers();
  const below = (n: number) => Math.floor(random.next().value * n);
  const word = (length: number) => Array.from({ length }, () => ['a', 'b', '▁', '\u{1f600}', 'ü'][below(5)]!).join('');
  // Scores of many digits, so that no two ways are equally likely.
  const pieces = Array.from({ length: 60 }, () => word(1 + below(4)).replaceAll('ü', 'a'));
  const vocab = [...T5.json.model.vocab, ...[...new Set(pieces)].map((piece) => [piece, -10 * random.next().value])];
  const model = modelOf(vocab as [string, number][]);
  const idsOf = (found: readonly string[]) =>
    found.map((piece) => model.tokens_to_ids.get(piece) ?? model.unk_token_id);
  const words = Array.from({ length: 300 }, () => word(1 + below(12)));
  expect(words.filter((each) => each.includes('ü')).length).toBeGreaterThan(100);
  for (const each of words) expect(idsOf(encodeWords([each], model)), each).toEqual(idsOf(model([each])));
  expect(idsOf(encodeWords(words, model))).toEqual(idsOf(model(words)));
});

it('makes one piece of a run of unknown characters, also of 100,000', () => {
  const model = modelOf(T5.json.model.vocab as [string, number][]);
  expect(encodeWords([`▁red${'\u{1f600}'.repeat(1e5)}`], model)).toEqual(['▁red', '\u{1f600}']);
});
