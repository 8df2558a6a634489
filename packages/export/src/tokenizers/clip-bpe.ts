import { ModelError } from '@flux-srpo/core';
import { specialToken } from './special-token.ts';

/** The contents of CLIP's two files, and its special tokens. */
export interface ClipBpeFiles {
  /** `vocab.json`: token → id. */
  vocab: Readonly<Record<string, number>>;
  /** `merges.txt`: a `#version` line, then one pair per line, most frequent first. */
  merges: string;
  bos: string;
  eos: string;
  unk: string;
}

/**
 * The `tokenizer.json` of a CLIP tokenizer that only has `vocab.json` and `merges.txt`, as
 * transformers builds it in memory.
 *
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/clip/tokenization_clip.py
 */
export function clipTokenizerJson({ vocab, merges, bos, eos, unk }: ClipBpeFiles): Record<string, unknown> {
  const idOf = (token: string): number => {
    const id = Object.hasOwn(vocab, token) ? vocab[token] : undefined;
    if (id !== undefined) return id;
    throw new ModelError(`tokenizer/vocab.json must hold the special token ${token}, got no such entry`, {
      code: 'model/tokenizer-invalid',
      details: { token },
    });
  };
  const special = [...new Set([unk, bos, eos])].sort((a, b) => idOf(a) - idOf(b));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => specialToken(idOf(content), content)),
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
          pattern: {
            Regex:
              "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
          },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [eos, idOf(eos)],
      cls: [bos, idOf(bos)],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unk,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: parseMerges(merges),
    },
  };
}

/**
 * Pairs as `"left right"`. The first line may name a version, and OpenAI's file ends in blank
 * lines.
 */
function parseMerges(text: string): string[] {
  const lines = text.split(/\r?\n/);
  const pairs = (lines[0]?.startsWith('#version') ? lines.slice(1) : lines).filter((line) => line !== '');
  const bad = pairs.find((pair) => pair.split(' ').length !== 2);
  if (bad === undefined) return pairs;
  throw new ModelError(`tokenizer/merges.txt must hold two tokens a line, got ${JSON.stringify(bad.slice(0, 80))}`, {
    code: 'model/tokenizer-invalid',
    details: { line: bad.slice(0, 80) },
  });
}
