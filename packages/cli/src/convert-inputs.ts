import { readFile } from 'node:fs/promises';
import { DEFAULT_WEIGHT_CLASS, InputError, parseWeightClass, type WeightClass } from '@flux-srpo/core';
import {
  type BundleInfo,
  COMPONENTS,
  type Component,
  type ConvertNotice,
  combineSources,
  type LoraSource,
  parseBundleInfo,
  recipeInfo,
  type SourceFile,
  type SourceFolder,
} from '@flux-srpo/export';
import { pipelineFolder } from '@flux-srpo/export/node';
import { readLoras } from './lora-option.ts';
import { onlyPositional, UsageError } from './options.ts';
import { prepareRecipe } from './prepare-recipe.ts';
import { sourceFile, sourceFileOrFolder } from './source-file.ts';

/** The options of `convert` that say what is converted. */
export interface InputOptions
  extends Partial<
    Record<
      'recipe' | 'dtype' | 'info' | 'checkpoint' | 'transformer' | 't5' | 'clip' | 'vae' | 'tokenizers' | 'token',
      string
    >
  > {
  'accept-license': boolean;
  anyway: boolean;
  lora: string[];
}

/** What is converted, and into what. */
export interface ConvertInputs {
  source: SourceFolder;
  loras: LoraSource[];
  dtype: WeightClass;
  info: Partial<BundleInfo>;
}

export interface Listener {
  onNotice: (notice: ConvertNotice) => void;
  /** Takes lines for people. */
  say: (line: string) => void;
}

/** The pipeline folder or the recipe, and what is given in place of parts of it. */
export async function readInputs(
  values: InputOptions,
  positionals: readonly string[],
  out: string,
  { onNotice, say }: Listener,
): Promise<ConvertInputs> {
  const { token } = values;
  const dtype = values.dtype === undefined ? undefined : parseWeightClass(values.dtype, '--dtype');
  const info = values.info === undefined ? {} : await readInfo(values.info);
  const files = await readFiles(values);
  const tokenizers = values.tokenizers === undefined ? undefined : pipelineFolder(values.tokenizers);
  const loras = readLoras(values.lora, token);
  if (values.recipe !== undefined) {
    if (positionals.length > 0) throw new UsageError(`--recipe takes the place of the folder "${positionals[0]}"`);
    const prepared = await prepareRecipe(values.recipe, {
      out,
      dtype,
      token,
      files,
      tokenizers,
      acceptsLicence: values['accept-license'],
      anyway: values.anyway,
      onNotice,
      say,
    });
    return {
      source: prepared.source,
      loras: [...prepared.loras, ...loras],
      dtype: prepared.recipe.dtype,
      info: { ...recipeInfo(prepared.recipe), ...info },
    };
  }
  if (values['accept-license'] || values.anyway) {
    throw new UsageError(`--${values.anyway ? 'anyway' : 'accept-license'} belongs to --recipe`);
  }
  const hasFilesOnly = Object.keys(files).length > 0 && positionals.length === 0;
  const folder = hasFilesOnly ? undefined : pipelineFolder(onlyPositional(positionals, 'pipeline folder'));
  return {
    source: await combineSources({ folder, files, tokenizers }),
    loras,
    dtype: dtype ?? DEFAULT_WEIGHT_CLASS,
    info,
  };
}

async function readFiles(values: InputOptions): Promise<Partial<Record<Component, SourceFile>>> {
  const given = {
    transformer: values.transformer,
    text_encoder: values.clip,
    text_encoder_2: values.t5,
    vae: values.vae,
  };
  const whole = values.checkpoint === undefined ? undefined : sourceFile(values.checkpoint, values.token);
  const files: Partial<Record<Component, SourceFile>> = {};
  for (const component of COMPONENTS) {
    const at = given[component];
    const file = at === undefined ? whole : await sourceFileOrFolder(at, values.token);
    if (file !== undefined) files[component] = file;
  }
  return files;
}

async function readInfo(path: string): Promise<Partial<BundleInfo>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new InputError(`--info must be a JSON file, and ${path} is not`, { code: 'input/type', cause });
  }
  return parseBundleInfo(json);
}
