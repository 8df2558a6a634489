import { type BundlePart, type Manifest, parseManifest, type WeightClass } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { type BundleInfo, FLUX_SRPO_INFO } from './bundle-info.ts';
import { type BundleSink, BundleWriter } from './bundle-writer.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { readModelConfig } from './config/pipeline.ts';
import { type ClassOf, type PartPlan, planParts } from './graphs/index.ts';
import { bindParts, type UnusedTensor } from './keys/bind.ts';
import { COMPONENTS, type Component } from './keys/index.ts';
import { unboundTensors } from './leftover.ts';
import { mergeLoras } from './lora/merge-loras.ts';
import { type LoraSource, type OpenLora, openLoras } from './lora/open-loras.ts';
import { checkDraft, describeBlocks, draftManifest, manifestJson } from './manifest-draft.ts';
import { type BlockOrigin, planPart, writeBaked, writeGraphs, writeWeights } from './part-writer.ts';
import { RECIPES, type Recipe, resolveClass, shapeFallbacks } from './recipe.ts';
import { readSafetyChecker } from './safety-checker.ts';
import type { PipelineSource } from './source.ts';
import { readClipTokenizer, readT5Tokenizer } from './tokenizers/read.ts';

export interface ConvertOptions {
  dtype: WeightClass;
  /** Replaces single classes of the recipe that `dtype` names. */
  recipe?: Partial<Recipe>;
  info?: BundleInfo;
  /** Puts each part's weights into a graph of its own: faster on native CPUs, impossible to stream. Default false. */
  bake?: boolean;
  /** Merged into the weights, in this order, before they are quantized. */
  loras?: readonly LoraSource[];
  /** The folder of an image classifier, for `enable_safety_checker`. */
  safetyChecker?: PipelineSource | undefined;
  signal?: AbortSignal;
  onProgress?: (progress: ConvertProgress) => void;
}

/** One part is done. */
export interface ConvertProgress {
  part: string;
  parts: { done: number; total: number };
  /** Parameters of the model. */
  weights: { done: number; total: number };
}

export interface ConvertSummary {
  manifest: Manifest;
  /** The bundle's identity: SHA-256 of `manifest.json`. */
  identity: string;
  /** Bytes of all files, the manifest included. */
  bytes: number;
  /** Tensors of the source that a picture does not need. */
  unused: readonly UnusedTensor[];
}

/**
 * Writes the bundle of a diffusers FluxPipeline folder. Memory is bounded by the largest tensor; nothing becomes
 * visible in `sink` unless everything was written.
 */
export async function convertPipeline(
  source: PipelineSource,
  sink: BundleSink,
  options: ConvertOptions,
): Promise<ConvertSummary> {
  const checkpoints: Partial<Record<Component, Checkpoint>> = {};
  let loras: readonly OpenLora[] = [];
  try {
    loras = await openLoras(options.loras ?? [], options.signal);
    const summary = await convert(source, new BundleWriter(sink), checkpoints, loras, options);
    options.signal?.throwIfAborted();
    await sink.commit();
    return summary;
  } catch (error) {
    await sink.abort();
    throw error;
  } finally {
    for (const file of [...Object.values(checkpoints), ...loras]) await file.close();
  }
}

async function convert(
  source: PipelineSource,
  writer: BundleWriter,
  opened: Partial<Record<Component, Checkpoint>>,
  loras: readonly OpenLora[],
  options: ConvertOptions,
): Promise<ConvertSummary> {
  const { info = FLUX_SRPO_INFO, bake = false, signal, onProgress } = options;
  const recipe: Recipe = { ...RECIPES[options.dtype], ...options.recipe };
  const classOf: ClassOf = (slot) => resolveClass(recipe, slot).used;

  // 1. Read every header and check that the checkpoint is what the configs say, before anything is written.
  const clipTokenizer = await readClipTokenizer(source);
  const t5Tokenizer = await readT5Tokenizer(source);
  const safetyChecker = options.safetyChecker && (await readSafetyChecker(options.safetyChecker));
  for (const component of COMPONENTS) opened[component] = await openCheckpoint(source, component);
  const checkpoints = opened as Record<Component, Checkpoint>;
  const tensors = tensorsOf(checkpoints);
  const config = await readModelConfig(source, clipTokenizer.eosId, tensors);
  const plan = planParts(config);
  const binding = mergeLoras(bindParts(plan, tensors), plan, loras);
  for (const { component, tensor } of [...binding.parts.values()].flat()) checkpoints[component].checkDtype(tensor);

  // 2. The small files, and a manifest without weights: whatever is wrong with `info` shows now, not after hours.
  const tokenizers = { tokenizer: clipTokenizer, tokenizer_2: t5Tokenizer };
  for (const [folder, { files }] of Object.entries(tokenizers)) {
    for (const [name, bytes] of files) await writer.write(`${folder}/${name}`, bytes);
  }
  await safetyChecker?.write(writer);
  const graphs = bake ? {} : await writeGraphs(writer, plan, config, classOf);
  const draft = draftManifest({
    config,
    info,
    tokenizers,
    checkpoints,
    recipe,
    loras: loras.map(({ record }) => record),
    safetyChecker: safetyChecker?.manifest,
  });
  checkDraft(draft, writer.files);

  // 3. The weights, a part at a time.
  const fallbacks = shapeFallbacks(plan, recipe);
  const blocks: BlockOrigin[] = [];
  const parts: BundlePart[] = [];
  const total = plan.reduce((sum, part) => sum + countWeights(part), 0);
  let done = 0;
  for (const part of plan) {
    const stored = await planPart(binding.parts.get(part.name)!, checkpoints, classOf, signal);
    blocks.push(...stored.blocks);
    fallbacks.push(...stored.fallbacks.map((fallback) => ({ ...fallback, tensor: `${part.name}/${fallback.tensor}` })));
    if (bake && part.graph !== undefined) {
      graphs[part.name] = await writeBaked(writer, part, stored.tensors, config, classOf);
      parts.push({ name: part.name, graph: part.name });
    } else {
      parts.push(await writeWeights(writer, part, stored.tensors));
    }
    done += countWeights(part);
    onProgress?.({ part: part.name, parts: { done: parts.length, total: plan.length }, weights: { done, total } });
  }

  // 4. The manifest, last.
  const quantization = { recipe: { ...recipe }, fallbacks };
  const manifest: Manifest = {
    ...draft,
    source: { ...draft.source, ...describeBlocks(blocks) },
    quantization,
    graphs,
    parts,
    files: [...writer.files],
  };
  const json = manifestJson(manifest);
  parseManifest(json);
  const bytes = new TextEncoder().encode(json);
  await writer.write('manifest.json', bytes);
  const size = writer.files.reduce((sum, file) => sum + file.size, 0);
  return {
    manifest,
    identity: await sha256Hex(bytes),
    bytes: size,
    unused: [...binding.unused, ...unboundTensors(checkpoints)],
  };
}

function tensorsOf(checkpoints: Record<Component, Checkpoint>): Record<Component, Checkpoint['tensors']> {
  const { transformer, text_encoder, text_encoder_2, vae } = checkpoints;
  return {
    transformer: transformer.tensors,
    text_encoder: text_encoder.tensors,
    text_encoder_2: text_encoder_2.tensors,
    vae: vae.tensors,
  };
}

/** Parameters of a part. */
function countWeights(part: PartPlan): number {
  return part.slots.reduce((sum, slot) => sum + slot.shape.reduce((product, dim) => product * dim, 1), 0);
}
