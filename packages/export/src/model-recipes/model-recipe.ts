import {
  type ImageSize,
  InputError,
  presetSizes,
  requestDefaults,
  type SizePreset,
  strict,
  WEIGHT_CLASSES,
  type WeightClass,
} from '@flux-srpo/core';
import { type BundleInfo, FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';

/**
 * What a bundle is made of and what to know before it is made, as data. A source is
 * `hf:owner/name[@revision]/path`, an https URL, or a path beside the recipe's file.
 *
 * @see ../../../../models/recipes/schema.json
 */
export interface ModelRecipe {
  /** For editors. */
  $schema?: string;
  schema: 1;
  /** Its name among recipes, and the bundle's folder unless told otherwise. */
  id: string;
  /** The bundle's name. */
  name: string;
  /** One sentence: what it draws and what it is good for. */
  what: string;
  /** The `model` of a request. @default FLUX.1 SRPO's */
  model?: string;
  licence: RecipeLicence;
  /** Per network its alternatives, best first; the first that can be opened is taken. */
  sources: {
    transformer: string[];
    t5: string[];
    clip: string[];
    vae: string[];
    /** CLIP's: alternatives, each the source of every file by its name. */
    tokenizer: Record<string, string>[];
    /** T5's. */
    tokenizer_2: Record<string, string>[];
  };
  /** Merged into the weights, in this order. */
  loras?: RecipeLora[];
  /** How the weights are stored. */
  dtype: WeightClass;
  /** Of the weights, where each network comes from its first alternative. */
  bytes: { read: number; written: number };
  defaults: BundleInfo['defaults'];
  sizes?: Record<SizePreset, ImageSize>;
  /** A `scheduler_config.json`. @default FLUX.1 [dev]'s */
  schedule?: Record<string, string | number | boolean>;
  /** For people who choose. */
  notes?: string[];
  /** Whether someone has compared the sources with the hub. */
  checked: boolean;
}

export interface RecipeLicence {
  id: string;
  /** Where it can be read. */
  url: string;
  /** What it allows, in short. */
  notice: string;
  /** Whether the user must say that they accept it. */
  accept: boolean;
}

/** A LoRA with its strength, and what to take where it cannot be opened. */
export interface RecipeLora {
  source: string;
  strength: number;
  or?: RecipeLora[];
}

const MAX_ALTERNATIVES = 16;
const MAX_STRENGTH = 100;

const { boolean, integer, list, matching, number, object, oneOf, optional, record, text } = strict;
const source = text(2000);
const alternatives = list(source, 1, MAX_ALTERNATIVES);
const fileName = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a file name');
const tokenizer = list(record(fileName, source, MAX_ALTERNATIVES), 1, MAX_ALTERNATIVES);
const bytes = integer(0, Number.MAX_SAFE_INTEGER);
const lora: strict.Read<RecipeLora> = (value, path) =>
  object<RecipeLora>({
    source,
    strength: number(-MAX_STRENGTH, MAX_STRENGTH),
    or: optional(list(lora, 1, MAX_ALTERNATIVES)),
  })(value, path);
const scheduleValue: strict.Read<string | number | boolean> = (value, path) => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw strict.wrongType(path, 'a text, a number, true or false', value);
};

const recipe = object<ModelRecipe>({
  $schema: optional(text(500)),
  schema: oneOf(1),
  id: matching(/^[a-z0-9][a-z0-9.-]{0,63}$/, 'lower-case letters, digits, dots and hyphens'),
  name: text(200),
  what: text(500),
  model: optional(matching(/^[A-Za-z0-9._-]{1,128}$/, 'letters, digits, dots, hyphens and underscores')),
  licence: object<RecipeLicence>({
    id: text(200),
    url: matching(/^https:\/\/[^\s]{1,500}$/, 'an https address'),
    notice: text(2000),
    accept: boolean,
  }),
  sources: object<ModelRecipe['sources']>({
    transformer: alternatives,
    t5: alternatives,
    clip: alternatives,
    vae: alternatives,
    tokenizer,
    tokenizer_2: tokenizer,
  }),
  loras: optional(list(lora, 0, MAX_ALTERNATIVES)),
  dtype: oneOf(...WEIGHT_CLASSES),
  bytes: object<ModelRecipe['bytes']>({ read: bytes, written: bytes }),
  defaults: requestDefaults,
  sizes: optional(presetSizes),
  schedule: optional(record(text(100), scheduleValue, 32)),
  notes: optional(list(text(500), 0, 32)),
  checked: boolean,
});

/**
 * A recipe from a JSON document. Every field is checked, and an unknown one is refused.
 *
 * @param document its file, for messages
 */
export function parseModelRecipe(json: unknown, document: string): ModelRecipe {
  return strict.readAs(
    () => recipe(json, ''),
    ({ message, code, details }) =>
      new InputError(`${document}: ${message}`, { code, details: { ...details, document } }),
  );
}

/** What a bundle made by the recipe says of itself. */
export function recipeInfo({ id, name, model, licence, sizes, defaults }: ModelRecipe): BundleInfo {
  const { accept: _, ...published } = licence;
  return {
    ...FLUX_SRPO_INFO,
    ...(model === undefined ? {} : { model }),
    ...(sizes === undefined ? {} : { sizes }),
    name,
    licence: published,
    defaults,
    source: { recipe: id },
  };
}

/** Throws where the licence asks for an acceptance that nobody has given. */
export function requireLicence({ name, licence }: ModelRecipe, isAccepted: boolean, how: string): void {
  if (isAccepted || !licence.accept) return;
  const { id, url, notice } = licence;
  throw new InputError(`${name} has a licence that must be accepted first: ${id}, ${url}. ${notice} ${how}`, {
    code: 'input/licence',
    details: { licence: { id, url, notice } },
  });
}
