import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLIP, PUBLISHED_T5, T5 } from '../../../../test/support/small-tokenizers.ts';
import { tokenizerConfig, tokenizerJson } from './tokenizer-shapes.ts';

const readClip = tokenizerJson('BPE');
const readT5 = tokenizerJson('Unigram');

const readJson = (path: string) =>
  JSON.parse(readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8')) as Record<string, unknown>;

/** openai/clip-vit-large-patch14's, with the small one's vocabulary: by tokenizers 0.11 */
const OPENAI_CLIP = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: [
    {
      id: 6,
      special: true,
      content: '<|startoftext|>',
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: true,
    },
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'NFC' },
      { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
      { type: 'Lowercase' },
    ],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
        behavior: 'Removed',
        invert: true,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
    ],
  },
  post_processor: { type: 'RobertaProcessing', sep: ['a', 5], cls: ['b', 6], trim_offsets: false },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: '<|endoftext|>',
    continuing_subword_prefix: '',
    end_of_word_suffix: '</w>',
    fuse_unk: false,
    vocab: CLIP.json.model.vocab,
    merges: CLIP.json.model.merges,
  },
};

/** FLUX.1's tokenizer_2 in the words of tokenizers 0.13. */
const OLDER_T5 = {
  ...PUBLISHED_T5.json,
  pre_tokenizer: { type: 'Metaspace', replacement: '▁', str_rep: '▁', add_prefix_space: true, prepend_scheme: 'first' },
};

describe('a tokenizer.json', () => {
  it.each([
    ['ours', CLIP.json, readClip],
    ['the embedded model’s CLIP', readJson('models/tiny/bundle/tokenizer/tokenizer.json'), readClip],
    ['OpenAI’s CLIP', OPENAI_CLIP, readClip],
    ['our T5', T5.json, readT5],
    ['the embedded model’s T5', readJson('models/tiny/bundle/tokenizer_2/tokenizer.json'), readT5],
    ['a T5 by transformers 5', readJson('test/fixtures/tokenizers/t5/tokenizer.json'), readT5],
    [
      'a T5 of spiece.model, by transformers 5',
      readJson('test/fixtures/tokenizers/spiece/ids.json').tokenizer as object,
      readT5,
    ],
    ['FLUX.1’s T5', PUBLISHED_T5.json, readT5],
    ['an older T5', OLDER_T5, readT5],
  ])('of %s is read, less what joins and undoes', (_, json, read) => {
    const { added_tokens, normalizer, pre_tokenizer, model } = json as Record<string, unknown>;
    const merges = (model as { merges?: unknown[] }).merges?.map((pair) =>
      typeof pair === 'string' ? pair.split(' ') : pair,
    );
    expect(read(json, '')).toEqual({
      added_tokens,
      normalizer,
      pre_tokenizer,
      model: { ...(model as object), ...(merges && { merges }) },
      post_processor: null,
      decoder: null,
    });
  });

  const clip = (fields: object) => ({ ...CLIP.json, ...fields });
  const bpe = (fields: object) => clip({ model: { ...CLIP.json.model, ...fields } });
  const unigram = (fields: object) => ({ ...T5.json, model: { ...T5.json.model, ...fields } });
  const normalizer = (each: unknown) => clip({ normalizer: each });
  const sequence = (...normalizers: unknown[]) => normalizer({ type: 'Sequence', normalizers });
  const before = (each: unknown) => clip({ pre_tokenizer: each });
  const added = (fields: object) => clip({ added_tokens: [{ id: 6, content: 'a', ...fields }] });
  const long = 'a'.repeat(65);

  it.each([
    ['a list', [], 'the document must be an object'],
    ['a field of no tokenizer', clip({ chat_template: '' }), 'field "chat_template" is not supported'],
    // Searches that take exponential time.
    ['a pattern of its own', before({ ...split(), pattern: { Regex: '(a+)+b' } }), 'pattern.Regex must be one of'],
    [
      'a text as pattern',
      before({ ...split(), pattern: { String: 'a' } }),
      'field "pre_tokenizer.pattern.String" is not supported',
    ],
    [
      'a pattern to replace',
      normalizer({ type: 'Replace', pattern: { Regex: '(a|a)*$' }, content: ' ' }),
      'normalizer.pattern.Regex must be one of',
    ],
    // Loops without an end: pieces of no length.
    ['pieces of no length', before({ type: 'FixedLength', length: 0 }), 'pre_tokenizer.type must be one of'],
    // What grows a text.
    ['a prefix', normalizer({ type: 'Prepend', prepend: 'a' }), 'normalizer.type must be one of'],
    ['a long space', before({ type: 'Metaspace', replacement: long }), 'pre_tokenizer.replacement must be "▁"'],
    ['another long space', before({ type: 'Metaspace', replacement: '▁', str_rep: long }), 'pre_tokenizer.str_rep'],
    [
      'a long replacement',
      normalizer({ type: 'Replace', pattern: { Regex: '\\s+' }, content: long }),
      'normalizer.content must be one of',
    ],
    ['a step twice', sequence({ type: 'NFKC' }, { type: 'NFKC' }), 'normalizer.normalizers must be of different types'],
    [
      'a sequence in a sequence',
      sequence({ type: 'Sequence', normalizers: [] }),
      'normalizer.normalizers[0].type must be one of NFC',
    ],
    [
      'an endless charsmap',
      normalizer({ type: 'Precompiled', precompiled_charsmap: 'A'.repeat(2 ** 21 + 1) }),
      'normalizer.precompiled_charsmap must be at most 2097152 characters',
    ],
    ['a component without a type', normalizer({}), 'normalizer.type must be one of NFC, NFKC'],
    ['a component that is text', normalizer('NFC'), 'normalizer.type must be one of'],
    ['an unknown field of a component', normalizer({ type: 'NFC', extra: 1 }), 'field "normalizer.extra"'],
    ['another model', clip({ model: { type: 'WordPiece', vocab: {} } }), 'model.type must be "BPE"'],
    ['no model', clip({ model: null }), 'model.type must be "BPE"'],
    ['an empty token', bpe({ vocab: { ...CLIP.json.model.vocab, '': 0 } }), 'model.vocab key must be 1 to 64'],
    ['a long token', bpe({ vocab: { ...CLIP.json.model.vocab, [long]: 0 } }), 'model.vocab key must be 1 to 64'],
    [
      'an id that is huge',
      bpe({ vocab: { ...CLIP.json.model.vocab, a: 2 ** 31 } }),
      'model.vocab.a must be an integer',
    ],
    ['an id below zero', bpe({ vocab: { ...CLIP.json.model.vocab, a: -1 } }), 'model.vocab.a must be an integer'],
    ['an unknown token that is none', bpe({ unk_token: 'none' }), 'model must be a model with unk_token in its vocab'],
    ['unknown tokens that join', bpe({ fuse_unk: true }), 'model.fuse_unk must be false'],
    ['a long suffix', bpe({ end_of_word_suffix: long }), 'model.end_of_word_suffix must be "</w>"'],
    ['chance', bpe({ dropout: 0.5 }), 'model.dropout must be null'],
    ['a merge of three', bpe({ merges: ['a b c'] }), 'model.merges[0] must be a list of 2 to 2'],
    ['a merge of nothing', bpe({ merges: [['a', '']] }), 'model.merges[0][1] must be 1 to 64 characters'],
    ['merges of another kind', bpe({ merges: [['a', 'b'], 5] }), 'model.merges[1] must be a list'],
    ['an added token of nothing', added({ content: '' }), 'added_tokens[0].content must be 1 to 64 characters'],
    ['an added token that is long', added({ content: long }), 'added_tokens[0].content must be 1 to 64 characters'],
    ['an added token of a huge id', added({ id: 2 ** 53 }), 'added_tokens[0].id must be an integer'],
  ])('with %s is refused', (_, json, message) => {
    expect(() => readClip(json, '')).toThrow(message);
  });

  it.each([
    ['an empty piece', unigram({ vocab: [['', 0]], unk_id: 0 }), 'model.vocab[0][0] must be 1 to 64 characters'],
    ['a piece without a score', unigram({ vocab: [['a']], unk_id: 0 }), 'model.vocab[0] must be a list of 2'],
    [
      'a score that is not finite',
      unigram({ vocab: [['a', -Infinity]], unk_id: 0 }),
      'model.vocab[0][1] must be a number',
    ],
    ['no pieces', unigram({ vocab: [] }), 'model.vocab must be a list of 1 to 65536'],
    ['an unknown piece that is none', unigram({ unk_id: 5 }), 'model must be a model with unk_id in its vocab'],
    ['pieces as an object', unigram({ vocab: {} }), 'model.vocab must be a list'],
    [
      'endless pieces',
      unigram({ vocab: Array.from({ length: 20_000 }, (_, i) => [`${i}`.padStart(64), 0]) }),
      'model.vocab must be at most 1048576 characters in all',
    ],
    ['pieces of bytes', unigram({ byte_fallback: true }), 'model.byte_fallback must be false'],
  ])('of T5 with %s is refused', (_, json, message) => {
    expect(() => readT5(json, '')).toThrow(message);
  });

  it('changes nothing of ours, whatever its keys are', () => {
    const json = JSON.parse(JSON.stringify(CLIP.json).replace('"vocab":{', '"vocab":{"__proto__":7,'));
    const { model } = readClip(json, '');
    expect(Object.entries(model.vocab as object)).toContainEqual(['__proto__', 7]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('a tokenizer_config.json', () => {
  it('has special tokens as texts, as transformers 4 and its maps write them, or none', () => {
    const config = {
      bos_token: { __type: 'AddedToken', content: 'a', lstrip: false },
      eos_token: { content: 'b' },
      pad_token: 'c',
      unk_token: null,
      chat_template: '{% for i in range(1e9) %}',
    };
    expect(tokenizerConfig(config, '')).toEqual({ bos_token: 'a', eos_token: 'b', pad_token: 'c' });
    expect(tokenizerConfig(null, '')).toEqual({});
  });

  it.each([
    ['a number', 5],
    ['a text of nothing', ''],
    ['an object without a text', {}],
  ])('with %s for one is refused', (_, eos_token) => {
    expect(() => tokenizerConfig({ eos_token }, '')).toThrow('eos_token must be');
  });
});

function split() {
  return CLIP.json.pre_tokenizer.pretokenizers[0]!;
}
