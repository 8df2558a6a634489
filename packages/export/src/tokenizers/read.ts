import { ModelError } from '@flux-srpo/core';
import { parseSentencePieces } from '@flux-srpo/formats';
import { isObject, readJsonObject, readSmallFile, requireFile, type SourceFolder } from '../sources/source-folder.ts';
import { clipTokenizerJson } from './clip-bpe.ts';
import { type GgufValues, ggufTokenizerJson } from './gguf-tokenizer.ts';
import { T5_EOS, T5_PAD, T5_UNK, unigramTokenizerJson } from './unigram.ts';

/** A tokenizer's files as they go into the bundle. */
export interface TokenizerFiles {
  /** File name within the tokenizer's folder → content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** `model_max_length`, or Infinity where the file sets no bound. */
  readonly maxLength: number;
  /** What no file says of it, as half sentences for people. */
  readonly assumed: readonly string[];
}

export interface ClipTokenizerFiles extends TokenizerFiles {
  /** The id every prompt ends with. */
  readonly eosId: number;
}

/** T5's tokenizer.json is 2.4 MB; multilingual ones reach 20 MB. */
const MAX_TOKENIZER_BYTES = 64 * 1024 * 1024;

/** Fields with paths on the publisher's disk; they stay out of the bundle. */
const PATH_FIELDS = ['name_or_path', 'special_tokens_map_file', 'tokenizer_file', 'vocab_file'];

const CLIP_BOS = '<|startoftext|>';
const CLIP_EOS = '<|endoftext|>';

/** What a tokenizer_config.json says, where there is none. */
const DEFAULTS = {
  tokenizer: {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: 77,
    bos_token: CLIP_BOS,
    eos_token: CLIP_EOS,
    unk_token: CLIP_EOS,
    pad_token: CLIP_EOS,
  },
  tokenizer_2: {
    tokenizer_class: 'T5Tokenizer',
    model_max_length: 512,
    eos_token: T5_EOS,
    unk_token: T5_UNK,
    pad_token: T5_PAD,
  },
};

/** A text encoder's file, which may have a tokenizer inside. */
export interface EncoderFile {
  readonly files: readonly string[];
  readonly values: GgufValues;
}

const NO_FILE: EncoderFile = { files: [], values: new Map() };

/**
 * CLIP's tokenizer from `tokenizer/`: its tokenizer.json, or one made from vocab.json and
 * merges.txt; else the one inside the encoder's file.
 */
export async function readClipTokenizer(source: SourceFolder, encoder = NO_FILE): Promise<ClipTokenizerFiles> {
  const paths = await source.list();
  const { config, assumed } = await readTokenizerConfig(source, paths, 'tokenizer');
  const eos = tokenText(config.eos_token) ?? CLIP_EOS;
  let json: Record<string, unknown> | undefined;
  if (paths.includes('tokenizer/tokenizer.json')) {
    json = await readJsonObject(source, 'tokenizer/tokenizer.json', MAX_TOKENIZER_BYTES);
  } else if (!paths.includes('tokenizer/vocab.json')) {
    json = ggufTokenizerJson(encoder.files[0] ?? '', encoder.values);
  }
  if (json === undefined) {
    const hint = 'a CLIP tokenizer has tokenizer.json, or vocab.json and merges.txt';
    requireFile(paths, 'tokenizer/vocab.json', hint);
    requireFile(paths, 'tokenizer/merges.txt', hint);
    json = clipTokenizerJson({
      vocab: requireVocab(await readJsonObject(source, 'tokenizer/vocab.json', MAX_TOKENIZER_BYTES)),
      merges: new TextDecoder().decode(await readSmallFile(source, 'tokenizer/merges.txt', MAX_TOKENIZER_BYTES)),
      bos: tokenText(config.bos_token) ?? CLIP_BOS,
      eos,
      unk: tokenText(config.unk_token) ?? CLIP_EOS,
    });
  }
  return { ...toFiles('tokenizer', json, config, 'BPE'), assumed, eosId: findId(json, eos) };
}

/**
 * T5's tokenizer from `tokenizer_2/`: its tokenizer.json, or one made from spiece.model; else the
 * one inside the encoder's file.
 */
export async function readT5Tokenizer(source: SourceFolder, encoder = NO_FILE): Promise<TokenizerFiles> {
  const paths = await source.list();
  const { config, assumed } = await readTokenizerConfig(source, paths, 'tokenizer_2');
  const path = 'tokenizer_2/tokenizer.json';
  if (paths.includes(path)) {
    const json = await readJsonObject(source, path, MAX_TOKENIZER_BYTES);
    return { ...toFiles('tokenizer_2', json, config, 'Unigram'), assumed };
  }
  const json = paths.includes(SPIECE)
    ? spieceJson(await readSmallFile(source, SPIECE, MAX_TOKENIZER_BYTES))
    : ggufTokenizerJson(encoder.files[0] ?? '', encoder.values);
  if (json === undefined) {
    requireFile(paths, path, 'a T5 tokenizer has it, or spiece.model; some GGUF files of T5 have one inside');
  }
  return { ...toFiles('tokenizer_2', json!, config, 'Unigram'), assumed };
}

const SPIECE = 'tokenizer_2/spiece.model';

function spieceJson(bytes: Uint8Array): Record<string, unknown> {
  const model = parseSentencePieces(bytes, SPIECE);
  if (!model.isUnigram) throw invalid('tokenizer_2', 'must hold a Unigram model', 'another type');
  return unigramTokenizerJson(SPIECE, model);
}

/** The folder's own, else what its special_tokens_map.json and its kind say. */
async function readTokenizerConfig(
  source: SourceFolder,
  paths: readonly string[],
  folder: keyof typeof DEFAULTS,
): Promise<{ config: Record<string, unknown>; assumed: string[] }> {
  const path = `${folder}/tokenizer_config.json`;
  if (paths.includes(path)) return { config: await readJsonObject(source, path), assumed: [] };
  const special = `${folder}/special_tokens_map.json`;
  const { tokenizer_class: kind, model_max_length: length } = DEFAULTS[folder];
  return {
    config: { ...DEFAULTS[folder], ...(paths.includes(special) ? await readJsonObject(source, special) : {}) },
    assumed: [`${folder} has ${length} tokens, and the special tokens of ${kind}, because there is no ${path}`],
  };
}

function toFiles(
  folder: string,
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  type: 'BPE' | 'Unigram',
): Omit<TokenizerFiles, 'assumed'> {
  const model = json.model;
  const found = isObject(model) ? (model.type ?? inferType(model)) : model;
  if (!isObject(model) || found !== type) throw invalid(folder, `must hold a ${type} model`, found);
  const typed = model.type === undefined ? { ...json, model: { type, ...model } } : json;
  const maxLength = config.model_max_length;
  const kept = Object.fromEntries(Object.entries(config).filter(([field]) => !PATH_FIELDS.includes(field)));
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return {
    files: new Map([
      ['tokenizer.json', encode(typed)],
      ['tokenizer_config.json', encode(kept)],
    ]),
    maxLength: typeof maxLength === 'number' && maxLength >= 1 ? maxLength : Number.POSITIVE_INFINITY,
  };
}

/**
 * What a model without a type is, as the tokenizers library tells it: the first kind whose fields
 * it has.
 *
 * @see https://github.com/huggingface/tokenizers/blob/v0.21.0/tokenizers/src/models/mod.rs `ModelUntagged`
 */
function inferType({ vocab, merges }: Record<string, unknown>): string | undefined {
  if (isObject(vocab)) return Array.isArray(merges) ? 'BPE' : 'WordPiece';
  return Array.isArray(vocab) ? 'Unigram' : undefined;
}

/** The text of a special token, which `tokenizer_config.json` has as text or as `{ content }`. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return isObject(value) && typeof value.content === 'string' ? value.content : undefined;
}

function requireVocab(json: Record<string, unknown>): Record<string, number> {
  const bad = Object.entries(json).find(([, id]) => !Number.isInteger(id) || (id as number) < 0);
  if (bad) throw invalid('tokenizer', `vocab.json must map tokens to ids, for ${bad[0].slice(0, 40)}`, bad[1]);
  return json as Record<string, number>;
}

/** A token's id in a BPE `tokenizer.json`. Added tokens take precedence over the vocabulary. */
function findId(json: Record<string, unknown>, token: string): number {
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  const found = added.find((item) => isObject(item) && item.content === token);
  const model = json.model;
  const vocab = isObject(model) && isObject(model.vocab) ? model.vocab : {};
  const id: unknown = isObject(found) ? found.id : Object.hasOwn(vocab, token) ? vocab[token] : undefined;
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  throw invalid('tokenizer', `must hold the end token ${token.slice(0, 40)}`, id);
}

function invalid(folder: string, rule: string, got: unknown): ModelError {
  const shown = got === undefined ? 'nothing' : JSON.stringify(got).slice(0, 80);
  return new ModelError(`${folder}/tokenizer.json ${rule}, got ${shown}`, {
    code: 'model/tokenizer-invalid',
    details: { folder, got: shown },
  });
}
