import { ModelError } from '@flux-srpo/core';
import type { Bundle } from '../bundle/bundle.ts';
import { Charsmap } from './charsmap.ts';

/** A prompt as one encoder sees it. */
export interface PromptTokens {
  /** Exactly `max_length` ids, padded. */
  ids: number[];
  /** Ids of the prompt itself that did not fit, special tokens not counted. */
  dropped: number;
}

/** No more of a prompt is tokenized. Far beyond what 512 tokens can hold. */
const MAX_PROMPT_CHARACTERS = 100_000;

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
    const body = this.#encode(prompt.toWellFormed().slice(0, MAX_PROMPT_CHARACTERS));
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
    loadTokenizer(bundle, tokenizer.folder, true),
    loadTokenizer(bundle, tokenizer_2.folder, false),
  ]);
  return { clip, t5 };
}

async function loadTokenizer(bundle: Bundle, folder: string, needsBos: boolean): Promise<PromptTokenizer> {
  const { PreTrainedTokenizer } = await import('@huggingface/transformers');
  const [json, config] = await Promise.all([
    readJson(bundle, `${folder}/tokenizer.json`),
    readJson(bundle, `${folder}/tokenizer_config.json`),
  ]);
  const foreign = (cause?: unknown): ModelError =>
    new ModelError(
      `${folder}/tokenizer.json must be a tokenizer of transformers, got something else; convert the model again`,
      { code: 'model/tokenizer-invalid', details: { folder }, cause },
    );
  let tokenizer: InstanceType<typeof PreTrainedTokenizer>;
  try {
    tokenizer = new PreTrainedTokenizer(json, config);
    useCharsmap(tokenizer._tokenizer.normalizer);
  } catch (cause) {
    throw foreign(cause);
  }
  const special = (name: 'bos' | 'eos' | 'pad'): number => {
    const id: unknown = tokenizer[`${name}_token_id`];
    if (isId(id)) return id;
    throw new ModelError(
      `${folder}/tokenizer_config.json must name a ${name}_token that the vocabulary has, got none; convert the model again`,
      { code: 'model/tokenizer-invalid', details: { folder, token: name } },
    );
  };
  const ids: SpecialIds = { eos: special('eos'), pad: special('pad') };
  if (needsBos) ids.bos = special('bos');
  const encode = (text: string): number[] => {
    const encoded = tokenizer.encode(text, { add_special_tokens: false });
    // A vocabulary may have holes, or ids that are none.
    if (!encoded.every(isId)) throw foreign();
    return encoded;
  };
  return new PromptTokenizer(encode, ids);
}

/** Whether it can be a row of a table. How many rows that has, its reader knows. */
const isId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) >= 0;

/** Lets a normalizer, or the steps of one, use the charsmap that it has. */
function useCharsmap(normalizer: unknown): void {
  const steps = (normalizer as { normalizers?: unknown[] } | null)?.normalizers ?? [normalizer];
  for (const step of steps as { charsmap?: unknown; normalize(text: string): string }[]) {
    if (typeof step?.charsmap !== 'string') continue;
    const charsmap = new Charsmap(step.charsmap);
    step.normalize = (text) => charsmap.normalize(text);
  }
}

async function readJson(bundle: Bundle, path: string): Promise<unknown> {
  const bytes = await bundle.read(path);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new ModelError(`${path} must be JSON, got other bytes; convert the model again`, {
      code: 'model/tokenizer-invalid',
      details: { path },
      cause,
    });
  }
}
