import { readFileSync } from 'node:fs';
import { bytesSource, type GgufValue, readGguf } from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { type Files, jsonBytes, memorySource } from '../test-support/memory.ts';
import { readClipTokenizer, readT5Tokenizer } from './read.ts';

const VOCAB = { a: 0, 'a</w>': 1, 'b</w>': 2, 'ab</w>': 3, '<|startoftext|>': 4, '<|endoftext|>': 5 };
const MERGES = '#version: 0.2\na b</w>\n\n';

function clipFiles(files: Record<string, Uint8Array> = {}): Files {
  return new Map(
    Object.entries({
      'tokenizer/tokenizer_config.json': jsonBytes({
        tokenizer_class: 'CLIPTokenizer',
        model_max_length: 77,
        bos_token: { __type: 'AddedToken', content: '<|startoftext|>' },
        eos_token: '<|endoftext|>',
      }),
      'tokenizer/vocab.json': jsonBytes(VOCAB),
      'tokenizer/merges.txt': new TextEncoder().encode(MERGES),
      ...files,
    }),
  );
}

async function clipJson(files: Files): Promise<Record<string, unknown>> {
  const { files: written } = await readClipTokenizer(memorySource(files));
  return JSON.parse(new TextDecoder().decode(written.get('tokenizer.json')));
}

describe('a CLIP tokenizer of two files', () => {
  // Oracle: CLIPTokenizer.from_pretrained(folder).backend_tokenizer.to_str() of transformers 5.23,
  // which on the published vocabulary differs from ours only in `normalized` of the start token;
  // ids agree on emoji, NFD, contractions and special tokens in the text.
  it('becomes the tokenizer.json that transformers makes of them', async () => {
    const json = await clipJson(clipFiles());
    expect(json.normalizer).toEqual({
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    });
    expect(json.post_processor).toEqual({
      type: 'RobertaProcessing',
      sep: ['<|endoftext|>', 5],
      cls: ['<|startoftext|>', 4],
      trim_offsets: false,
      add_prefix_space: false,
    });
    expect(json.model).toMatchObject({
      type: 'BPE',
      unk_token: '<|endoftext|>',
      end_of_word_suffix: '</w>',
      vocab: VOCAB,
      merges: ['a b</w>'],
    });
    expect(json.added_tokens).toMatchObject([
      { id: 4, content: '<|startoftext|>', special: true },
      { id: 5, content: '<|endoftext|>', special: true },
    ]);
  });

  it('knows the id that ends a prompt and how long one may be', async () => {
    expect(await readClipTokenizer(memorySource(clipFiles()))).toMatchObject({ eosId: 5, maxLength: 77 });
  });

  it('is refused without its special tokens, with a broken merge, or with ids that are not numbers', async () => {
    const { '<|endoftext|>': _, ...without } = VOCAB;
    const broken: [Files, string][] = [
      [clipFiles({ 'tokenizer/vocab.json': jsonBytes(without) }), '<|endoftext|>'],
      [clipFiles({ 'tokenizer/merges.txt': new TextEncoder().encode('a b c\n') }), 'a b c'],
      [clipFiles({ 'tokenizer/vocab.json': jsonBytes({ ...VOCAB, a: 'zero' }) }), 'zero'],
    ];
    for (const [files, word] of broken) {
      const reading = readClipTokenizer(memorySource(files));
      await expect(reading).rejects.toMatchObject({
        code: 'model/tokenizer-invalid',
        message: expect.stringContaining(word),
      });
    }
  });
});

describe('a tokenizer.json', () => {
  it('is kept as it is, and its added tokens say where a prompt ends', async () => {
    const json = {
      added_tokens: [{ id: 17, content: '<|endoftext|>', special: true }],
      model: { type: 'BPE', vocab: { '<|endoftext|>': 3 }, merges: [['a', 'b']] },
    };
    const files = clipFiles({ 'tokenizer/tokenizer.json': jsonBytes(json) });
    expect(await clipJson(files)).toEqual(json);
    expect((await readClipTokenizer(memorySource(files))).eosId).toBe(17);
  });

  it.each([
    ['BPE', { vocab: { '<|endoftext|>': 3 }, merges: ['a b'] }],
    ['WordPiece', { vocab: { '<|endoftext|>': 3 }, unk_token: '[UNK]' }],
  ])('without a type is %s where it has its fields', async (type, model) => {
    const files = clipFiles({ 'tokenizer/tokenizer.json': jsonBytes({ model }) });
    if (type === 'BPE') expect(await clipJson(files)).toEqual({ model: { type, ...model } });
    else await expect(clipJson(files)).rejects.toThrow('must hold a BPE model, got "WordPiece"');
  });

  it('of another kind than the encoder’s is refused', async () => {
    const files: Files = new Map([
      ['tokenizer_2/tokenizer_config.json', jsonBytes({})],
      ['tokenizer_2/tokenizer.json', jsonBytes({ model: { type: 'WordPiece' } })],
    ]);
    const reading = readT5Tokenizer(memorySource(files));
    await expect(reading).rejects.toMatchObject({
      code: 'model/tokenizer-invalid',
      message: expect.stringMatching(/Unigram.*WordPiece/),
    });
  });
});

describe('a folder without a tokenizer_config.json', () => {
  it('has CLIP’s special tokens and length, or what its special_tokens_map.json says', async () => {
    const files = clipFiles();
    files.delete('tokenizer/tokenizer_config.json');
    expect(await readClipTokenizer(memorySource(files))).toMatchObject({
      eosId: 5,
      maxLength: 77,
      assumed: [expect.stringMatching(/^tokenizer has 77 tokens, and the special tokens of CLIPTokenizer, because/)],
    });
    files.set('tokenizer/special_tokens_map.json', jsonBytes({ eos_token: { content: 'b</w>' } }));
    expect(await readClipTokenizer(memorySource(files))).toMatchObject({ eosId: 2, maxLength: 77 });
  });
});

/** A sentencepiece model, and what transformers makes of it (test/reference/make_spiece.py). */
const FIXTURE = new URL('../../../../test/fixtures/tokenizers/spiece/', import.meta.url);
const SPIECE = new Uint8Array(readFileSync(new URL('spiece.model', FIXTURE)));
const { tokenizer: EXPECTED } = JSON.parse(readFileSync(new URL('ids.json', FIXTURE), 'utf8')) as {
  tokenizer: { model: { vocab: [string, number][] }; normalizer: { precompiled_charsmap: string } };
};

async function t5Json(...args: Parameters<typeof readT5Tokenizer>): Promise<unknown> {
  const { files } = await readT5Tokenizer(...args);
  return JSON.parse(new TextDecoder().decode(files.get('tokenizer.json')));
}

describe('a T5 tokenizer of spiece.model alone', () => {
  it('becomes the tokenizer.json that transformers makes of it', async () => {
    const source = memorySource(new Map([['tokenizer_2/spiece.model', SPIECE]]));
    expect(await t5Json(source)).toEqual(EXPECTED);
    expect(await readT5Tokenizer(source)).toMatchObject({ maxLength: 512 });
  });

  it.each([
    ['a text', new TextEncoder().encode('not a model'), 'format/header-invalid'],
    ['an empty file', new Uint8Array(0), 'format/header-invalid'],
    ['a model cut short', SPIECE.slice(0, 1001), 'format/header-invalid'],
    // Field 2 of the model: a trainer whose type, field 3, is 2.
    ['a BPE model', Uint8Array.from([...SPIECE, 0x12, 2, 0x18, 2]), 'model/tokenizer-invalid'],
    ['a model without an end', Uint8Array.of(0x0a, 3, 0x0a, 1, 0x61, 0x12, 0), 'model/tokenizer-invalid'],
  ])('is refused where it is %s', async (_, bytes, code) => {
    const source = memorySource(new Map([['tokenizer_2/spiece.model', bytes]]));
    await expect(readT5Tokenizer(source)).rejects.toMatchObject({ code });
  });
});

describe('a tokenizer inside a GGUF file', () => {
  const none = memorySource(new Map());
  const file = (entries: Record<string, GgufValue>) => ({
    files: ['t5.gguf'],
    values: new Map(Object.entries(entries).map(([key, value]) => [`tokenizer.${key}`, value])),
  });
  const list = (items: readonly (string | number)[]): GgufValue => ({ type: 'any', length: items.length, items });
  const pieces = EXPECTED.model.vocab.slice(0, -100);
  /** As llama.cpp writes T5's, its vocabulary filled up with unused pieces. */
  const t5 = (changes: Record<string, GgufValue> = {}) =>
    file({
      'ggml.model': 't5',
      'ggml.tokens': list([...pieces.map(([text]) => text), '[PAD211]', '[PAD212]']),
      'ggml.scores': list([...pieces.map(([, score]) => score), -1000, -1000]),
      'ggml.token_type': list([...pieces.map(() => 1), 5, 5]),
      'ggml.unknown_token_id': 2,
      'ggml.precompiled_charsmap': list([...Buffer.from(EXPECTED.normalizer.precompiled_charsmap, 'base64')]),
      ...changes,
    });

  it('of llama.cpp’s T5 is that of its sentencepiece model', async () => {
    expect(await t5Json(none, t5())).toEqual(EXPECTED);
  });

  it('may be a whole tokenizer.json', async () => {
    const whole = { model: { type: 'Unigram', vocab: [['</s>', 0]] } };
    expect(await t5Json(none, file({ 'huggingface.json': JSON.stringify(whole) }))).toEqual(whole);
  });

  it('stands back where a folder has one', async () => {
    const own = { model: { type: 'Unigram', vocab: [['own', 0]] } };
    const source = memorySource(new Map([['tokenizer_2/tokenizer.json', jsonBytes(own)]]));
    expect(await t5Json(source, t5())).toEqual(own);
  });

  it.each([
    ['scores are missing', { 'ggml.scores': list([]) }],
    ['tokens are numbers', { 'ggml.tokens': list([1, 2]) }],
    ['it is not JSON', { 'huggingface.json': '{' }],
  ])('is refused where %s', async (_, changes) => {
    await expect(readT5Tokenizer(none, t5(changes))).rejects.toMatchObject({ code: 'model/tokenizer-invalid' });
  });

  it('is missed by name where neither a file nor a folder has one', async () => {
    await expect(readT5Tokenizer(none, file({}))).rejects.toThrow(
      'tokenizer_2/tokenizer.json is missing from the pipeline folder; a T5 tokenizer has it, or spiece.model',
    );
  });

  // Written by the gguf package (test/reference/make_spiece.py).
  it('is read out of a file', async () => {
    const { metadata } = await readGguf(bytesSource(readFileSync(new URL('t5.gguf', FIXTURE)), 't5.gguf'));
    expect(await t5Json(none, { files: ['t5.gguf'], values: metadata })).toEqual(EXPECTED);
  });
});
