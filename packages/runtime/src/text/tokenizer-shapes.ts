import { strict } from '@flux-srpo/core';

/*
 * What a bundle's tokenizer may be made of. It is a stranger's JSON, and the library that runs it
 * has components that loop, grow or search without end. So only the components of CLIP's and T5's
 * tokenizers are let through, in the spellings of their publishers, of transformers 4 and 5, and of
 * our converter.
 *
 * @see https://github.com/huggingface/transformers/blob/v4.57.0/src/transformers/convert_slow_tokenizer.py `CLIPConverter`, `SpmConverter`, `T5Converter`
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/clip/tokenization_clip.py
 * @see https://github.com/huggingface/transformers/blob/v5.18.0/src/transformers/models/t5/tokenization_t5.py
 */

type Shape = Readonly<Record<string, strict.Read<unknown> & { isOptional?: true }>>;
type Component = Readonly<Record<string, unknown>>;

const { boolean, list, object, oneOf, optional, record, such } = strict;

/** Longest token, in UTF-16 units. CLIP's longest has 32, T5's 16, and neither any empty one. */
const MAX_TOKEN = 64;
/** Most tokens. CLIP has 49,408, T5 32,100. */
const MAX_TOKENS = 2 ** 16;
/** Most characters of all tokens. CLIP's have 323,000, T5's 206,000. */
const MAX_CHARACTERS = 2 ** 20;
/** Most added tokens. T5 has 103. */
const MAX_ADDED = 4096;
/** Longest charsmap, in base64. T5's has 316,720 characters. */
const MAX_CHARSMAP = 2 ** 21;
/** Most components in a sequence, none of which may come twice: repeated ones could grow a text. */
const MAX_STEPS = 4;

const id = strict.integer(0, MAX_TOKENS - 1);
const token = such(strict.string, `1 to ${MAX_TOKEN} characters`, (text) => text !== '' && text.length <= MAX_TOKEN);
/** Log probabilities. T5's lie above -14; finite ones cannot add up to NaN. */
const score = strict.number(-1e6, 1e6);
const no = such(boolean, 'false', (value) => !value);

const regex = (...sources: string[]): strict.Read<unknown> => object<{ Regex: string }>({ Regex: oneOf(...sources) });

/** CLIP's words. transformers 5 adds the special tokens in front. */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

const NORMALIZERS: Readonly<Record<string, Shape>> = {
  NFC: {},
  NFKC: {},
  Lowercase: {},
  Strip: { strip_left: boolean, strip_right: boolean },
  Replace: { pattern: regex('\\s+', ' {2,}'), content: oneOf(' ', '▁') },
  Precompiled: {
    precompiled_charsmap: such(
      strict.string,
      `at most ${MAX_CHARSMAP} characters`,
      (map) => map.length <= MAX_CHARSMAP,
    ),
  },
};

const PRE_TOKENIZERS: Readonly<Record<string, Shape>> = {
  WhitespaceSplit: {},
  Metaspace: {
    replacement: oneOf('▁'),
    str_rep: optional(oneOf('▁')),
    add_prefix_space: optional(boolean),
    prepend_scheme: optional(oneOf('always', 'first', 'never')),
    split: optional(boolean),
  },
  Split: {
    pattern: regex(WORDS, `<\\|startoftext\\|>|<\\|endoftext\\|>|${WORDS}`),
    behavior: oneOf('Removed'),
    invert: boolean,
  },
  ByteLevel: { add_prefix_space: boolean, trim_offsets: optional(boolean), use_regex: optional(boolean) },
};

/** Two tokens: in a list, or with a space between them. */
const merge: strict.Read<string[]> = (value, path) =>
  list(token, 2, 2)(typeof value === 'string' ? value.split(' ') : value, path);

const piece: strict.Read<[string, number]> = (value, path) => {
  const [text, logProbability] = list<unknown>((each) => each, 2, 2)(value, path);
  return [token(text, `${path}[0]`), score(logProbability, `${path}[1]`)];
};

function short<T>(read: strict.Read<T>, textsOf: (vocab: T) => readonly string[]): strict.Read<T> {
  return such(
    read,
    `at most ${MAX_CHARACTERS} characters in all`,
    (vocab) => textsOf(vocab).reduce((sum, text) => sum + text.length, 0) <= MAX_CHARACTERS,
  );
}

/** A model whose unknown token is one of its own. */
const MODELS: Readonly<Record<'BPE' | 'Unigram', strict.Read<Component>>> = {
  BPE: such(
    component({
      BPE: {
        dropout: optional(orNull(nothing)),
        unk_token: token,
        continuing_subword_prefix: optional(orNull(oneOf(''))),
        end_of_word_suffix: oneOf('</w>'),
        fuse_unk: optional(no),
        byte_fallback: optional(no),
        ignore_merges: optional(boolean),
        vocab: short(record(token, id, MAX_TOKENS), Object.keys),
        merges: list(merge, 0, MAX_TOKENS),
      },
    }),
    'a model with unk_token in its vocab',
    ({ vocab, unk_token }) => Object.hasOwn(vocab as object, unk_token as string),
  ),
  Unigram: such(
    component({
      Unigram: {
        unk_id: id,
        vocab: short(list(piece, 1, MAX_TOKENS), (pieces) => pieces.map(([text]) => text)),
        byte_fallback: optional(no),
      },
    }),
    'a model with unk_id in its vocab',
    ({ vocab, unk_id }) => (unk_id as number) < (vocab as readonly unknown[]).length,
  ),
};

const addedToken = object<Component>({
  id,
  content: token,
  single_word: optional(boolean),
  lstrip: optional(boolean),
  rstrip: optional(boolean),
  normalized: optional(boolean),
  special: optional(boolean),
});

/** What the library gets to see. What only joins several texts or makes text of ids is left out. */
export interface TokenizerJson {
  added_tokens: readonly Component[];
  normalizer: Component | null;
  pre_tokenizer: Component | null;
  model: Component;
  post_processor: null;
  decoder: null;
}

/** A reader of a `tokenizer.json`. */
export function tokenizerJson(kind: 'BPE' | 'Unigram'): strict.Read<TokenizerJson> {
  const read = object({
    version: optional(unused),
    truncation: optional(unused),
    padding: optional(unused),
    post_processor: optional(unused),
    decoder: optional(unused),
    added_tokens: optional(list(addedToken, 0, MAX_ADDED)),
    normalizer: optional(orNull(steps(NORMALIZERS, 'normalizers'))),
    pre_tokenizer: optional(orNull(steps(PRE_TOKENIZERS, 'pretokenizers'))),
    model: MODELS[kind],
  });
  return (value, path) => {
    const { added_tokens = [], normalizer = null, pre_tokenizer = null, model } = read(value, path);
    return { added_tokens, normalizer, pre_tokenizer, model, post_processor: null, decoder: null };
  };
}

/** Special tokens by what they are for, such as `eos_token`. */
export type TokenizerConfig = Readonly<Partial<Record<(typeof SPECIAL)[number], string>>>;

const SPECIAL = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const;

/**
 * A reader of a `tokenizer_config.json`: its special tokens, which are texts or have one. It has
 * much else, which differs by publisher and is not read here.
 */
export const tokenizerConfig: strict.Read<TokenizerConfig> = (value, path) => {
  const given = Object(value) as Record<string, unknown>;
  const config: Record<string, string> = {};
  for (const name of SPECIAL) {
    const each = given[name] ?? undefined;
    if (each === undefined) continue;
    const text = typeof each === 'object' ? (each as { content?: unknown }).content : each;
    config[name] = token(text, strict.fieldPath(path, name));
  }
  return config;
};

/** A component of one of these types, with the fields of its type. */
function component(shapes: Readonly<Record<string, Shape>>): strict.Read<Component> {
  const type = oneOf(...Object.keys(shapes));
  return (value, path) => {
    const { type: name } = Object(value) as { type?: unknown };
    return object<Component>({ type, ...shapes[type(name, strict.fieldPath(path, 'type'))] })(value, path);
  };
}

/** One component, or several different ones in the field `several` of a sequence. */
function steps(shapes: Readonly<Record<string, Shape>>, several: string): strict.Read<Component> {
  const differ = (all: readonly Component[]) => new Set(all.map(({ type }) => type)).size === all.length;
  const sequence = such(list(component(shapes), 1, MAX_STEPS), 'of different types', differ);
  return component({ ...shapes, Sequence: { [several]: sequence } });
}

function orNull<T>(read: strict.Read<T>): strict.Read<T | null> {
  return (value, path) => (value === null ? null : read(value, path));
}

/** For a field that only `null` may fill. */
function nothing(value: unknown, path: string): never {
  throw strict.wrongType(path, 'null', value);
}

/** For a field that is not needed here, whatever is in it. */
function unused(): unknown {
  return undefined;
}
