import { ModelError } from '@flux-srpo/core';
import { isObject, readJsonObject, readSmallFile, requireFile, type SourceFolder } from '../sources/source-folder.ts';
import { clipTokenizerJson } from './clip-bpe.ts';

/** A tokenizer's files as they go into the bundle. */
export interface TokenizerFiles {
  /** File name within the tokenizer's folder → content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** `model_max_length`, or Infinity where the file sets no bound. */
  readonly maxLength: number;
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

/**
 * CLIP's tokenizer from `tokenizer/`: its tokenizer.json, or one made from vocab.json and
 * merges.txt.
 */
export async function readClipTokenizer(source: SourceFolder): Promise<ClipTokenizerFiles> {
  const paths = await source.list();
  const config = await readTokenizerConfig(source, paths, 'tokenizer');
  const eos = tokenText(config.eos_token) ?? CLIP_EOS;
  let json: Record<string, unknown>;
  if (paths.includes('tokenizer/tokenizer.json')) {
    json = await readJsonObject(source, 'tokenizer/tokenizer.json', MAX_TOKENIZER_BYTES);
  } else {
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
  return { ...toFiles('tokenizer', json, config, 'BPE'), eosId: findId(json, eos) };
}

/** T5's tokenizer from `tokenizer_2/`, which must have a tokenizer.json. */
export async function readT5Tokenizer(source: SourceFolder): Promise<TokenizerFiles> {
  const paths = await source.list();
  const config = await readTokenizerConfig(source, paths, 'tokenizer_2');
  const hint = 'save it with transformers: T5TokenizerFast.from_pretrained(folder).save_pretrained(folder)';
  requireFile(paths, 'tokenizer_2/tokenizer.json', hint);
  const json = await readJsonObject(source, 'tokenizer_2/tokenizer.json', MAX_TOKENIZER_BYTES);
  return toFiles('tokenizer_2', json, config, 'Unigram');
}

async function readTokenizerConfig(
  source: SourceFolder,
  paths: readonly string[],
  folder: string,
): Promise<Record<string, unknown>> {
  const path = `${folder}/tokenizer_config.json`;
  requireFile(paths, path, 'a diffusers FluxPipeline folder has one');
  return readJsonObject(source, path);
}

function toFiles(
  folder: string,
  json: Record<string, unknown>,
  config: Record<string, unknown>,
  type: 'BPE' | 'Unigram',
): TokenizerFiles {
  const model = json.model;
  if (!isObject(model) || model.type !== type) {
    throw invalid(folder, `must hold a ${type} model`, isObject(model) ? model.type : model);
  }
  const maxLength = config.model_max_length;
  const kept = Object.fromEntries(Object.entries(config).filter(([field]) => !PATH_FIELDS.includes(field)));
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return {
    files: new Map([
      ['tokenizer.json', encode(json)],
      ['tokenizer_config.json', encode(kept)],
    ]),
    maxLength: typeof maxLength === 'number' && maxLength >= 1 ? maxLength : Number.POSITIVE_INFINITY,
  };
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
