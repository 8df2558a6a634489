import { MAX_PROMPT_CHARACTERS, ModelError, promptTooLong, strict } from '@flux-srpo/core';
import type { PreTrainedTokenizer } from '@huggingface/transformers';
import type { Bundle } from '../bundle/bundle.ts';
import { Charsmap } from './charsmap.ts';
import { tokenizerConfig, tokenizerJson } from './tokenizer-shapes.ts';
import { encodeWords, type UnigramModel } from './unigram.ts';

/** A prompt as one encoder sees it. */
export interface PromptTokens {
  /** Exactly `max_length` ids, padded. */
  ids: number[];
  /** Ids of the prompt itself that did not fit, special tokens not counted. */
  dropped: number;
}

/**
 * The longest prompt once it is normalized, in UTF-16 units: twice as long as it may be before.
 * Only texts of nothing but ligatures and the like grow more.
 */
const MAX_NORMALIZED = 2 * MAX_PROMPT_CHARACTERS;

type Encode = (text: string) => number[];

interface SpecialIds {
  bos?: number;
  eos: number;
  pad: number;
}

class PromptTokenizer {
  readonly #encode: Encode;
  readonly #special: SpecialIds;

  constructor(encode: Encode, special: SpecialIds) {
    this.#encode = encode;
    this.#special = special;
  }

  /**
   * Tokenizes as diffusers' FLUX pipeline does (`padding="max_length", truncation=True`): the
   * prompt is cut so that the special tokens still fit, then padded to `maxLength`.
   */
  tokenize(prompt: string, maxLength: number): PromptTokens {
    const { bos, eos, pad } = this.#special;
    const body = this.#encode(prompt.toWellFormed());
    const room = maxLength - (bos === undefined ? 1 : 2);
    const ids = [...(bos === undefined ? [] : [bos]), ...body.slice(0, room), eos];
    while (ids.length < maxLength) ids.push(pad);
    return { ids, dropped: Math.max(0, body.length - room) };
  }
}

export interface Tokenizers {
  clip: PromptTokenizer;
  t5: PromptTokenizer;
}

/** Both tokenizers of a bundle. transformers.js is large, so it is loaded lazily. */
export async function loadTokenizers(bundle: Bundle): Promise<Tokenizers> {
  const { tokenizer, tokenizer_2 } = bundle.manifest.tokenizers;
  const [clip, t5] = await Promise.all([
    loadTokenizer(bundle, tokenizer.folder, 'BPE'),
    loadTokenizer(bundle, tokenizer_2.folder, 'Unigram'),
  ]);
  return { clip, t5 };
}

async function loadTokenizer(bundle: Bundle, folder: string, kind: 'BPE' | 'Unigram'): Promise<PromptTokenizer> {
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  const [json, config] = await Promise.all([
    readJson(bundle, `${folder}/tokenizer.json`, tokenizerJson(kind)),
    readJson(bundle, `${folder}/tokenizer_config.json`, tokenizerConfig),
  ]);
  const tokenizer = new PreTrainedTokenizer(json, config);
  mend(tokenizer, `${folder}/tokenizer.json`);
  const special = (name: 'bos' | 'eos' | 'pad'): number => {
    const id: number | undefined = tokenizer[`${name}_token_id`];
    if (id !== undefined) return id;
    const path = `${folder}/tokenizer_config.json`;
    throw invalid(path, `${path} must name a ${name}_token that the vocabulary has, got none`);
  };
  const ids: SpecialIds = { eos: special('eos'), pad: special('pad') };
  if (kind === 'BPE') ids.bos = special('bos');
  return new PromptTokenizer((text) => tokenizer.encode(text, { add_special_tokens: false }), ids);
}

/** What of a tokenizer of transformers.js is changed. Its types do not know all of it. */
interface Inner {
  normalizer: Normalizer | null;
  model: { fuse_unk: boolean; encode(words: string[]): string[] };
}

interface Normalizer {
  normalizers?: Normalizer[];
  charsmap?: unknown;
  normalize(text: string): string;
}

/** Lets it use the charsmap that it has, search in linear time, and keep texts from growing. */
function mend(tokenizer: PreTrainedTokenizer, path: string): void {
  const { normalizer, model } = tokenizer._tokenizer as unknown as Inner;
  if ('trie' in model) {
    model.fuse_unk = false;
    model.encode = (words) => encodeWords(words, model as unknown as UnigramModel);
  }
  if (normalizer === null) return;
  for (const step of normalizer.normalizers ?? [normalizer]) {
    if (typeof step.charsmap !== 'string') continue;
    const charsmap = new Charsmap(step.charsmap, path);
    step.normalize = (text) => charsmap.normalize(text);
  }
  const normalize = normalizer.normalize.bind(normalizer);
  normalizer.normalize = (text) => {
    const normalized = normalize(text);
    if (normalized.length <= MAX_NORMALIZED) return normalized;
    throw promptTooLong('prompt', MAX_NORMALIZED, normalized.length, ' once it is normalized');
  };
}

async function readJson<T>(bundle: Bundle, path: string, read: strict.Read<T>): Promise<T> {
  const bytes = await bundle.read(path);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw invalid(path, `${path} must be JSON, got other bytes`, { cause });
  }
  return strict.readAs(
    () => read(json, ''),
    ({ message, details }) => invalid(path, `${path}: ${message}`, { details }),
  );
}

function invalid(path: string, problem: string, { details = {}, cause }: { details?: object; cause?: unknown } = {}) {
  return new ModelError(`${problem}; convert the model again`, {
    code: 'model/tokenizer-invalid',
    details: { path, ...details },
    cause,
  });
}
