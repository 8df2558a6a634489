import type { Bundle } from '@flux-srpo/runtime';

/** The smallest of its kind: byte-level BPE as CLIP's, with two merges. */
export const CLIP = {
  json: {
    added_tokens: [{ id: 6, content: '<|startoftext|>', special: true }],
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      unk_token: '<|endoftext|>',
      end_of_word_suffix: '</w>',
      vocab: { r: 0, e: 1, 'd</w>': 2, re: 3, 'red</w>': 4, '<|endoftext|>': 5, '<|startoftext|>': 6 },
      merges: ['r e', 're d</w>'],
    },
  },
  config: {
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    tokenizer_class: 'CLIPTokenizer',
  },
};
/** Unigram pieces as T5's. */
export const T5 = {
  json: {
    added_tokens: [{ id: 1, content: '</s>', special: true }],
    normalizer: { type: 'NFKC' },
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [
        ['<pad>', 0],
        ['</s>', 0],
        ['<unk>', 0],
        ['▁red', -2],
        ['▁', -3],
      ],
    },
  },
  config: { eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>', tokenizer_class: 'T5Tokenizer' },
};

/** Those, with the components of FLUX.1's own tokenizer. Its charsmap maps nothing. */
export const PUBLISHED_T5 = {
  ...T5,
  json: {
    ...T5.json,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Precompiled', precompiled_charsmap: 'BAAAAAAAAAA=' },
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
      ],
    },
  },
};

/** What `loadTokenizers` needs of a bundle. @param files each as JSON and its config */
export function tokenizerBundle(files: { clip?: unknown; t5?: unknown }): Bundle {
  const entry = (folder: string) => ({ folder, max_length: 8 });
  const read = async (path: string) => {
    const [folder = '', file = ''] = path.split('/');
    const { json, config } = ((folder === 'clip' ? files.clip : files.t5) ?? {}) as Record<string, unknown>;
    return new TextEncoder().encode(JSON.stringify((file === 'tokenizer.json' ? json : config) ?? null));
  };
  return {
    manifest: { tokenizers: { tokenizer: entry('clip'), tokenizer_2: entry('t5') } },
    read,
    source: async (path: string) => ({ size: (await read(path)).length }),
  } as unknown as Bundle;
}
