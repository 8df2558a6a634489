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
import { type GgmlTypeName, sha256Hex } from '@flux-srpo/formats';
import type { Component } from '../key-maps/namings.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { TokenizerFiles } from '../tokenizers/read.ts';
import type { ClassMap } from '../weight-classes/class-map.ts';
import type { BlockOrigin } from '../weights/plan-part.ts';
import type { BundleInfo } from './bundle-info.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** A manifest as far as it is known before weights are written. */
export type ManifestDraft = Omit<Manifest, 'graphs' | 'parts' | 'files'>;

export interface DraftOptions {
  config: ModelConfig;
  info: BundleInfo;
  classMap: ClassMap;
  /** Empty for random weights. */
  checkpoints: Readonly<Partial<Record<Component, Checkpoint>>>;
  /** What the source does not say of itself. */
  assumed?: readonly string[];
  tokenizers: { tokenizer: TokenizerFiles; tokenizer_2: TokenizerFiles };
  loras?: MergedLora[];
  safetyChecker?: SafetyChecker | undefined;
}

export function draftManifest(options: DraftOptions): ManifestDraft {
  const { config, info, classMap, checkpoints, assumed = [], tokenizers, loras = [], safetyChecker } = options;
  const { max_sequence_length: maxSequenceLength, source, ...about } = info;
  const positions = config.text_encoder.max_position_embeddings;
  return {
    schema: MANIFEST_SCHEMA,
    ...about,
    source: { ...describeSources(checkpoints), ...(assumed.length > 0 && { assumed: assumed.join('; ') }), ...source },
    config,
    tokenizers: {
      // Some published copies of CLIP's tokenizer claim more tokens than the network has positions.
      tokenizer: { folder: 'tokenizer', max_length: Math.min(tokenizers.tokenizer.maxLength, positions) },
      tokenizer_2: { folder: 'tokenizer_2', max_length: maxSequenceLength },
    },
    ...(loras.length === 0 ? {} : { loras }),
    ...(safetyChecker === undefined ? {} : { safety_checker: safetyChecker }),
    quantization: { recipe: { ...classMap }, fallbacks: [] },
    chunk_bytes: CHUNK_BYTES,
  };
}

/** Runs `parseManifest` on the draft: what is wrong shows now, not after hours of conversion. */
export function checkDraft(draft: ManifestDraft, files: readonly BundleFile[]): void {
  const standIn = { name: 'weights', weights: files[0]!.path };
  parseManifest(manifestJson({ ...draft, graphs: {}, parts: [standIn], files: [...files] }));
}

/**
 * Writes `manifest.json`, the last file of a bundle, after `parseManifest` took it.
 * @returns the bundle's identity: SHA-256 of the manifest's bytes, lower-case hex
 */
export async function writeManifest(writer: BundleWriter, manifest: Manifest): Promise<string> {
  const json = manifestJson(manifest);
  parseManifest(json);
  const bytes = new TextEncoder().encode(json);
  await writer.write('manifest.json', bytes);
  return sha256Hex(bytes);
}

/** The text of `manifest.json`. */
function manifestJson(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

/** Types whose codes are kept, while scales and offsets are rounded to halves. */
const MINIMA: ReadonlySet<string> = new Set(['Q4_1', 'Q4_K'] satisfies GgmlTypeName[]);

/** Which tensor classes kept a source's blocks to the bit, or their codes, and which did not. */
export function describeBlocks(blocks: readonly BlockOrigin[]): Record<string, string> {
  if (!blocks.some(({ isKept }) => isKept)) return {};
  const list = (isKept: boolean) => {
    const labels = blocks
      .filter((block) => block.isKept === isKept)
      .map(({ tensorClass, dtype }) => `${tensorClass} from ${dtype}${isKept && MINIMA.has(dtype) ? ' (codes)' : ''}`);
    return [...new Set(labels)].sort().join(', ');
  };
  const anew = list(false);
  return { blocks: `kept to the bit: ${list(true)}${anew && `; computed anew: ${anew}`}` };
}

/** File names and dtypes by component. Folders stay out: they may name their owner. */
function describeSources(checkpoints: DraftOptions['checkpoints']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(checkpoints).map(([component, { files, tensors }]) => {
      const dtypes = [...new Set([...tensors.values()].map((tensor) => tensor.dtype))].sort();
      const names = files.length > 2 ? `${files[0]} and ${files.length - 1} more` : files.join(', ');
      return [component, `${names} (${dtypes.join(', ')})`];
    }),
  );
}
