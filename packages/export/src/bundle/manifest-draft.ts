import {
  type BundleFile,
  CHUNK_BYTES,
  MANIFEST_SCHEMA,
  type Manifest,
  type MergedLora,
  type ModelConfig,
  parseManifest,
  type SafetyChecker,
} from '@flux-srpo/core';
import type { Component } from '../key-maps/index.ts';
import type { Recipe } from '../recipes/recipe.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { TokenizerFiles } from '../tokenizers/read.ts';
import type { BundleInfo } from './bundle-info.ts';
import type { BlockOrigin } from './part-writer.ts';

/** All of a manifest that is known before the weights are written. */
export type ManifestDraft = Omit<Manifest, 'graphs' | 'parts' | 'files'>;

export interface DraftOptions {
  config: ModelConfig;
  info: BundleInfo;
  recipe: Recipe;
  /** Empty where the weights come from nowhere. */
  checkpoints: Readonly<Partial<Record<Component, Checkpoint>>>;
  tokenizers: { tokenizer: TokenizerFiles; tokenizer_2: TokenizerFiles };
  loras?: MergedLora[];
  safetyChecker?: SafetyChecker | undefined;
}

export function draftManifest(options: DraftOptions): ManifestDraft {
  const { config, info, recipe, checkpoints, tokenizers, loras = [], safetyChecker } = options;
  const { max_sequence_length: maxSequenceLength, source, ...about } = info;
  const positions = config.text_encoder.max_position_embeddings;
  return {
    schema: MANIFEST_SCHEMA,
    ...about,
    source: { ...describeSources(checkpoints), ...source },
    config,
    tokenizers: {
      // Some published copies of CLIP's tokenizer claim more tokens than the network has positions.
      tokenizer: { folder: 'tokenizer', max_length: Math.min(tokenizers.tokenizer.maxLength, positions) },
      tokenizer_2: { folder: 'tokenizer_2', max_length: maxSequenceLength },
    },
    ...(loras.length === 0 ? {} : { loras }),
    ...(safetyChecker === undefined ? {} : { safety_checker: safetyChecker }),
    quantization: { recipe: { ...recipe }, fallbacks: [] },
    chunk_bytes: CHUNK_BYTES,
  };
}

/** Throws what `parseManifest` would say of the finished manifest, as far as it can be said without the weights. */
export function checkDraft(draft: ManifestDraft, files: readonly BundleFile[]): void {
  const standIn = { name: 'weights', weights: files[0]!.path };
  parseManifest(manifestJson({ ...draft, graphs: {}, parts: [standIn], files: [...files] }));
}

/** The text of `manifest.json`. */
export function manifestJson(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/** Where a source came in blocks: which classes of tensors kept them to the bit, and which were computed anew from the numbers. */
export function describeBlocks(blocks: readonly BlockOrigin[]): Record<string, string> {
  if (!blocks.some(({ isKept }) => isKept)) return {};
  const list = (isKept: boolean) => {
    const labels = blocks
      .filter((block) => block.isKept === isKept)
      .map((block) => `${block.tensorClass} from ${block.dtype}`);
    return [...new Set(labels)].sort().join(', ');
  };
  const anew = list(false);
  return { blocks: `kept to the bit: ${list(true)}${anew && `; computed anew: ${anew}`}` };
}

/** File names and dtypes, never where they lay. */
function describeSources(checkpoints: DraftOptions['checkpoints']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(checkpoints).map(([component, { files, tensors }]) => {
      const dtypes = [...new Set([...tensors.values()].map((tensor) => tensor.dtype))].sort();
      const names = files.length > 2 ? `${files[0]} and ${files.length - 1} more` : files.join(', ');
      return [component, `${names} (${dtypes.join(', ')})`];
    }),
  );
}
