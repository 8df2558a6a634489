import type { ModelConfig } from '@flux-srpo/core';
import { bytesSource } from '@flux-srpo/formats';
import type { SourceFolder } from '../sources/source-folder.ts';
import type { ClipTokenizerFiles, TokenizerFiles } from '../tokenizers/read.ts';
import { readClipTokenizer, readT5Tokenizer } from '../tokenizers/read.ts';
import { specialToken } from '../tokenizers/special-token.ts';

export interface BundleTokenizers {
  tokenizer: ClipTokenizerFiles;
  tokenizer_2: TokenizerFiles;
}

/** The tokenizers of a folder with `tokenizer/` and `tokenizer_2/`. */
export async function readTokenizers(source: SourceFolder): Promise<BundleTokenizers> {
  return { tokenizer: await readClipTokenizer(source), tokenizer_2: await readT5Tokenizer(source) };
}

/** Tokenizers that know only the letters a to z, with the special ids that `config` expects. */
export function letterTokenizers({ text_encoder }: ModelConfig): Promise<BundleTokenizers> {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  const end = text_encoder.eos_token_id;
  const vocab = Object.fromEntries([
    ...letters.flatMap((letter, i) => [
      [letter, 2 * i],
      [`${letter}</w>`, 2 * i + 1],
    ]),
    ['<|startoftext|>', end - 1],
    ['<|endoftext|>', end],
  ]);
  const clip = {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: text_encoder.max_position_embeddings,
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
    unk_token: '<|endoftext|>',
  };
  const t5 = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ['<pad>', '</s>', '<unk>'].map((content, id) => specialToken(id, content)),
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: null,
    decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: [['<pad>', 0], ['</s>', 0], ['<unk>', 0], ['▁', -2], ...letters.map((letter) => [letter, -3])],
      byte_fallback: false,
    },
  };
  const files = new Map<string, unknown>([
    ['tokenizer/vocab.json', vocab],
    ['tokenizer/merges.txt', '#version: 0.2\n'],
    ['tokenizer/tokenizer_config.json', clip],
    ['tokenizer_2/tokenizer.json', t5],
    [
      'tokenizer_2/tokenizer_config.json',
      { tokenizer_class: 'T5Tokenizer', eos_token: '</s>', pad_token: '<pad>', unk_token: '<unk>' },
    ],
  ]);
  return readTokenizers({
    list: async () => [...files.keys()],
    open: async (path) => {
      const content = files.get(path);
      const text = typeof content === 'string' ? content : JSON.stringify(content);
      return bytesSource(new TextEncoder().encode(text), path);
    },
  });
}
