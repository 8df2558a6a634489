import { ModelError } from '@flux-srpo/core';
import type { GgufValue } from '@flux-srpo/formats';
import { isObject } from '../sources/source-folder.ts';
import { unigramTokenizerJson } from './unigram.ts';

/** Metadata of a GGUF file. */
export type GgufValues = ReadonlyMap<string, GgufValue>;

/** llama.cpp's type of pieces that only fill a vocabulary up to its table's size. */
const UNUSED = 5;

/**
 * The tokenizer.json of the tokenizer inside a text encoder's GGUF file: a whole one, or T5's
 * pieces. Undefined where the file has none.
 *
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/docs/gguf.md "Tokenizer"
 */
export function ggufTokenizerJson(name: string, values: GgufValues): Record<string, unknown> | undefined {
  const whole = values.get('tokenizer.huggingface.json');
  if (typeof whole === 'string') return parseWhole(name, whole);
  if (values.get('tokenizer.ggml.model') !== 't5') return undefined;
  const tokens = listOf(name, values, 'tokens', 'string');
  const scores = listOf(name, values, 'scores', 'number');
  const types = listOf(name, values, 'token_type', 'number');
  if (scores.length !== tokens.length || types.length !== tokens.length) {
    throw invalid(
      name,
      `must have ${tokens.length} scores and types, as tokens`,
      `${scores.length} and ${types.length}`,
    );
  }
  let used = tokens.length;
  while (used > 0 && types[used - 1] === UNUSED) used--;
  const charsmap = values.has(`${KEY}precompiled_charsmap`)
    ? listOf(name, values, 'precompiled_charsmap', 'number')
    : [];
  return unigramTokenizerJson(name, {
    pieces: tokens.slice(0, used).map((token, i) => [token, scores[i]!] as const),
    unknownId: Number(values.get(`${KEY}unknown_token_id`) ?? tokens.indexOf('<unk>')),
    hasByteFallback: false,
    charsmap: Uint8Array.from(charsmap),
  });
}

const KEY = 'tokenizer.ggml.';

interface Items {
  string: string;
  number: number;
}

function listOf<T extends keyof Items>(name: string, values: GgufValues, field: string, type: T): Items[T][] {
  const value = values.get(KEY + field);
  const items = typeof value === 'object' ? value.items : undefined;
  if (items?.every((item) => typeof item === type)) return items as Items[T][];
  throw invalid(name, `must have ${KEY}${field} as a list of ${type}s`, typeof value === 'object' ? value.type : value);
}

function parseWhole(name: string, text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  if (isObject(json)) return json;
  throw invalid(name, 'must have tokenizer.huggingface.json as a JSON object', text.slice(0, 40));
}

function invalid(name: string, rule: string, got: unknown): ModelError {
  const shown = JSON.stringify(got)?.slice(0, 80) ?? 'nothing';
  return new ModelError(`the tokenizer in ${name} ${rule}, got ${shown}`, {
    code: 'model/tokenizer-invalid',
    details: { name, got: shown },
  });
}
