import { ModelError } from '@flux-srpo/core';
import { specialToken } from './special-token.ts';

/** A Unigram model: of a sentencepiece file, or out of a GGUF file. */
export interface UnigramPieces {
  /** Each piece with its log probability. Its place is its id. */
  readonly pieces: readonly (readonly [text: string, score: number])[];
  readonly unknownId: number;
  readonly hasByteFallback: boolean;
  /** sentencepiece's map for normalizing texts. Empty where they are not. */
  readonly charsmap: Uint8Array;
}

export const T5_EOS = '</s>';
export const T5_PAD = '<pad>';
export const T5_UNK = '<unk>';
const EXTRA_IDS = 100;
const EXTRA_ID = /^<extra_id_\d+>$/;

/**
 * The `tokenizer.json` of a T5 tokenizer that only has a sentencepiece model, as transformers makes
 * it in memory.
 *
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/convert_slow_tokenizer.py `T5Converter`
 */
export function unigramTokenizerJson(path: string, model: UnigramPieces): Record<string, unknown> {
  const { pieces, unknownId, hasByteFallback, charsmap } = model;
  // Google's models have none of these; T5 was trained with a hundred.
  const extra = pieces.some(([text]) => EXTRA_ID.test(text))
    ? []
    : Array.from({ length: EXTRA_IDS }, (_, i) => [`<extra_id_${EXTRA_IDS - 1 - i}>`, 0] as const);
  const vocab = [...pieces, ...extra];
  const special = vocab.flatMap(([content], id) =>
    [T5_PAD, T5_EOS, T5_UNK].includes(content) || EXTRA_ID.test(content) ? [{ id, content }] : [],
  );
  const eos = special.find(({ content }) => content === T5_EOS);
  if (eos === undefined) {
    throw new ModelError(`${path} must hold the piece ${T5_EOS}, got no such piece; is it T5's?`, {
      code: 'model/tokenizer-invalid',
      details: { path, token: T5_EOS },
    });
  }
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  const end = { SpecialToken: { id: T5_EOS, type_id: 0 } };
  const [a, b] = ['A', 'B'].map((id) => ({ Sequence: { id, type_id: 0 } }));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(({ id, content }) => specialToken(id, content)),
    normalizer: charsmap.length === 0 ? null : { type: 'Precompiled', precompiled_charsmap: toBase64(charsmap) },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: {
      type: 'TemplateProcessing',
      single: [a, end],
      pair: [a, end, b, end],
      special_tokens: { [T5_EOS]: { id: T5_EOS, ids: [eos.id], tokens: [T5_EOS] } },
    },
    decoder: metaspace,
    model: { type: 'Unigram', unk_id: unknownId, vocab, byte_fallback: hasByteFallback },
  };
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
