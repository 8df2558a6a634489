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
