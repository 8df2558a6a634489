import {
  type BundleFile,
  type BundlePart,
  InputError,
  type Manifest,
  type ModelConfig,
  type WeightClass,
} from '@flux-srpo/core';
import type { ByteSink } from '@flux-srpo/formats';
import { type BundleInfo, FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { type BundleSink, isResumable } from '../bundle/bundle-sink.ts';
import { BundleWriter } from '../bundle/bundle-writer.ts';
import { checkDraft, draftManifest, writeManifest } from '../bundle/manifest-draft.ts';
import { writeGraphs } from '../bundle/write-graphs.ts';
import { type ClassOf, planParts } from '../graphs/index.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { CLASS_MAPS, resolveClass, shapeFallbacks } from '../weight-classes/class-map.ts';
import { letterTokenizers, readTokenizers } from './letter-tokenizers.ts';
import { syntheticPart } from './virtual-bundle.ts';

export interface SynthesizeOptions {
  dtype: WeightClass;
  /** The same seed, shape and dtype give the same bundle. @default 0 */
  seed?: number;
  /** With `tokenizer/` and `tokenizer_2/`. Absent: tokenizers that know the letters a to z. */
  tokenizers?: SourceFolder | undefined;
  /** Hashes the weights without writing them. `virtualBundle` makes the same bytes again. */
  virtual?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: { part: string; done: number; total: number }) => void;
}

export interface SynthesizeSummary {
  manifest: Manifest;
  identity: string;
  /** Bytes of all files, the manifest included. */
  bytes: number;
  /** Those of `bytes` that were written. */
  written: number;
}

const SYNTHETIC_INFO: BundleInfo = {
  ...FLUX_SRPO_INFO,
  model: 'synthetic',
  name: 'Random weights',
  licence: { id: 'CC0-1.0', notice: 'Seeded random numbers: a shape to measure with, not a model.' },
};

/** Writes a bundle of random weights of the shape `config`. Memory does not grow with the shape. */
export async function synthesizeBundle(
  config: ModelConfig,
  sink: BundleSink,
  options: SynthesizeOptions,
): Promise<SynthesizeSummary> {
  try {
    const writer = new BundleWriter(options.virtual ? withoutWeights(sink) : sink);
    // An interrupted conversion's files are of no use here.
    if (isResumable(sink)) await sink.retain(new Set());
    const summary = await synthesize(config, writer, options);
    options.signal?.throwIfAborted();
    await sink.commit(new Set(writer.files.map(({ path }) => path)));
    return summary;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

async function synthesize(
  config: ModelConfig,
  writer: BundleWriter,
  options: SynthesizeOptions,
): Promise<SynthesizeSummary> {
  const { dtype, seed = 0, signal, onProgress } = options;
  const classMap = CLASS_MAPS[dtype];
  const classOf: ClassOf = (slot) => resolveClass(classMap, slot).used;
  const plan = planParts(config);
  const tokenizers = await (options.tokenizers ? readTokenizers(options.tokenizers) : letterTokenizers(config));
  if (tokenizers.tokenizer.eosId !== config.text_encoder.eos_token_id) {
    throw new InputError(
      `the shape's eos_token_id must be the tokenizer's, ${tokenizers.tokenizer.eosId}, got ${config.text_encoder.eos_token_id}`,
      { code: 'input/conflict', details: { field: 'eos_token_id' } },
    );
  }
  for (const [folder, { files }] of Object.entries(tokenizers)) {
    for (const [name, bytes] of files) await writer.write(`${folder}/${name}`, bytes);
  }
  const { graphs, graphs_f16 } = await writeGraphs(writer, plan, config, classOf);
  const info = { ...SYNTHETIC_INFO, source: { weights: `random, seed ${seed}` } };
  const draft = { ...draftManifest({ config, info, tokenizers, checkpoints: {}, classMap }), synthetic: { seed } };
  checkDraft(draft, writer.files);

  const parts: BundlePart[] = [];
  for (const part of plan) {
    signal?.throwIfAborted();
    const entry = { name: part.name, ...(part.graph !== undefined && { graph: part.graph }) };
    if (part.slots.length === 0) parts.push(entry);
    else {
      const source = syntheticPart(part, classMap, seed);
      await writer.copy(source.name, source, signal);
      parts.push({ ...entry, weights: source.name });
    }
    onProgress?.({ part: part.name, done: parts.length, total: plan.length });
  }

  const quantization = { recipe: { ...classMap }, fallbacks: shapeFallbacks(plan, classMap) };
  const manifest: Manifest = { ...draft, quantization, graphs, graphs_f16, parts, files: [...writer.files] };
  const identity = await writeManifest(writer, manifest);
  return {
    manifest,
    identity,
    bytes: sum(writer.files),
    written: sum(writer.files.filter(({ path }) => !options.virtual || !isWeights(path))),
  };
}

/** A sink that drops the weights. */
function withoutWeights(sink: BundleSink): BundleSink {
  const nowhere: ByteSink = { write: async () => {}, close: async () => {} };
  return { ...sink, create: async (path) => (isWeights(path) ? nowhere : sink.create(path)) };
}

function isWeights(path: string): boolean {
  return path.startsWith('weights/');
}

function sum(files: readonly BundleFile[]): number {
  return files.reduce((bytes, { size }) => bytes + size, 0);
}
