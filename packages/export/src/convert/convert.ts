import { type BundlePart, isFluxError, type Manifest, parseManifest, type WeightClass } from '@flux-srpo/core';
import { sha256Hex } from '@flux-srpo/formats';
import { type BundleInfo, FLUX_SRPO_INFO } from '../bundle/bundle-info.ts';
import { type BundleSink, BundleWriter, isResumable, type ResumableSink } from '../bundle/bundle-writer.ts';
import { checkDraft, describeBlocks, draftManifest, manifestJson } from '../bundle/manifest-draft.ts';
import { type BlockOrigin, planPart, writeBaked, writeGraphs, writeWeights } from '../bundle/part-writer.ts';
import { readSafetyChecker } from '../bundle/safety-checker.ts';
import type { ClassOf, PartPlan } from '../graphs/index.ts';
import type { BoundSlot, UnusedTensor } from '../key-maps/bind.ts';
import type { Component } from '../key-maps/index.ts';
import { type LoraSource, type OpenLora, openLoras } from '../lora/open-loras.ts';
import type { RowQuantizer } from '../quantize/rows.ts';
import { RECIPES, type Recipe, resolveClass, shapeFallbacks } from '../recipes/recipe.ts';
import { type FinishedPart, Journal, type JournalIdentity } from '../resume/journal.ts';
import { journalIdentity } from '../resume/journal-identity.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { type WatchedSource, watchSource } from '../sources/watch-source.ts';
import { type ConvertProgress, ProgressMeter } from './convert-progress.ts';
import { readHeaders } from './headers.ts';
import { expectedBytes, partWork, sourceBytes } from './part-work.ts';
import { unboundTensors } from './unbound-tensors.ts';

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
  safetyChecker?: SourceFolder | undefined;
  /** Who quantizes; the bytes do not depend on it. Default: this thread. The caller closes what must be closed. */
  quantizer?: RowQuantizer;
  signal?: AbortSignal;
  onProgress?: (progress: ConvertProgress) => void;
  /** What becomes of an interrupted conversion's work. */
  onNotice?: (notice: ConvertNotice) => void;
}

export type ConvertNotice =
  /** An interrupted conversion had come that far, and this one goes on from there. */
  | { type: 'continued' }
  /** An interrupted conversion's work was removed, for this reason. */
  | { type: 'started-over'; reason: string }
  /** This conversion was interrupted; the next one of the same source, with the same options and destination, goes on. */
  | { type: 'suspended' };

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
 * visible in `sink` unless everything was written. Where the sink is resumable, an interrupted conversion's parts are taken over.
 */
export async function convertPipeline(
  source: SourceFolder,
  sink: BundleSink,
  options: ConvertOptions,
): Promise<ConvertSummary> {
  const checkpoints: Partial<Record<Component, Checkpoint>> = {};
  let loras: readonly OpenLora[] = [];
  const writer = new BundleWriter(sink);
  const own = { hasJournal: false };
  try {
    loras = await openLoras(options.loras ?? [], options.signal);
    const summary = await convert(watchSource(source), sink, writer, checkpoints, loras, own, options);
    options.signal?.throwIfAborted();
    await sink.commit(new Set(writer.files.map(({ path }) => path)));
    return summary;
  } catch (error) {
    // Before its own journal is open, a conversion has no say in what an earlier one left.
    if (isResumable(sink) && (!own.hasJournal || mayGoOn(error)) && (await Journal.listsParts(sink))) {
      await sink.suspend();
      if (mayGoOn(error)) options.onNotice?.({ type: 'suspended' });
    } else {
      await sink.abort();
    }
    throw error;
  } finally {
    for (const file of [...Object.values(checkpoints), ...loras]) await file.close();
  }
}

/** Not after what is wrong with the source or the options: whoever mends that has another conversion. */
function mayGoOn(error: unknown): boolean {
  return !['input/', 'format/', 'model/'].some((family) => isFluxError(error, family as `${string}/`));
}

async function convert(
  { source, states, assertUnchanged }: WatchedSource,
  sink: BundleSink,
  writer: BundleWriter,
  opened: Partial<Record<Component, Checkpoint>>,
  loras: readonly OpenLora[],
  own: { hasJournal: boolean },
  options: ConvertOptions,
): Promise<ConvertSummary> {
  const { info = FLUX_SRPO_INFO, bake = false, signal, onProgress, onNotice } = options;
  const recipe: Recipe = { ...RECIPES[options.dtype], ...options.recipe };
  const classOf: ClassOf = (slot) => resolveClass(recipe, slot).used;

  // 1. Read every header and check that the checkpoint is what the configs say, before anything is written.
  const headers = await readHeaders(source, opened, loras);
  const { clipTokenizer, t5Tokenizer, checkpoints, config, plan, binding } = headers;
  const checker = options.safetyChecker && watchSource(options.safetyChecker);
  const safetyChecker = checker && (await readSafetyChecker(checker.source));

  // 2. The small files, and a manifest without weights: whatever is wrong with `info` shows now, not after hours.
  const tokenizers = { tokenizer: clipTokenizer, tokenizer_2: t5Tokenizer };
  for (const [folder, { files }] of Object.entries(tokenizers)) {
    for (const [name, bytes] of files) await writer.write(`${folder}/${name}`, bytes);
  }
  await safetyChecker?.write(writer);
  const shared = bake ? { graphs: {} } : await writeGraphs(writer, plan, config, classOf);
  const graphs: Record<string, string> = { ...shared.graphs };
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

  // 3. The weights, a part at a time, or as an interrupted conversion left them.
  const work = new Map(plan.map((part) => [part, partWork(part, binding.parts.get(part.name)!, checkpoints)]));
  const meter = new ProgressMeter([...work.values()]);
  const journal = isResumable(sink)
    ? await openJournal(sink, await journalIdentity(states, draft, writer.files, bake), writer, onNotice)
    : undefined;
  own.hasJournal = true;
  if (isResumable(sink)) await sink.reserve?.(plan.reduce((sum, part) => sum + expectedBytes(part, classOf), 0));
  const fallbacks = shapeFallbacks(plan, recipe);
  const blocks: BlockOrigin[] = [];
  const parts: BundlePart[] = [];
  for (const part of plan) {
    signal?.throwIfAborted();
    const found = await journal?.find(part.name, signal);
    if (found?.file !== undefined) writer.adopt(found.file);
    const finished = found ?? (await convertPart(part));
    if (found === undefined && finished.file !== undefined) await journal?.add(finished);
    blocks.push(...finished.blocks);
    fallbacks.push(...finished.fallbacks);
    parts.push(finished.entry);
    if (finished.graph !== undefined) graphs[part.name] = finished.graph;
    onProgress?.(meter.advance(work.get(part)!, found !== undefined));
  }
  await assertUnchanged();
  await checker?.assertUnchanged();
  for (const lora of loras) await lora.assertUnchanged();

  // 4. The manifest, last.
  const quantization = { recipe: { ...recipe }, fallbacks };
  const manifest: Manifest = {
    ...draft,
    source: { ...draft.source, ...describeBlocks(blocks) },
    quantization,
    ...shared,
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

  async function convertPart(part: PartPlan): Promise<FinishedPart> {
    const whole = work.get(part)!;
    let bytes = 0;
    const onSlot = (slot: BoundSlot) => {
      bytes += sourceBytes(slot, checkpoints);
      if (bytes < whole.bytes) onProgress?.(meter.reach(whole, bytes));
    };
    const slots = binding.parts.get(part.name)!;
    const stored = await planPart(slots, checkpoints, classOf, options.quantizer, signal, onSlot);
    const origin = {
      blocks: stored.blocks,
      fallbacks: stored.fallbacks.map((fallback) => ({ ...fallback, tensor: `${part.name}/${fallback.tensor}` })),
    };
    const before = writer.files.length;
    if (bake && part.graph !== undefined) {
      const graph = await writeBaked(writer, part, stored.tensors, config, classOf);
      return { entry: { name: part.name, graph: part.name }, graph, file: writer.files[before]!, ...origin };
    }
    const entry = await writeWeights(writer, part, stored.tensors);
    const file = writer.files[before];
    return { entry, ...(file === undefined ? {} : { file }), ...origin };
  }
}

async function openJournal(
  sink: ResumableSink,
  identity: JournalIdentity,
  writer: BundleWriter,
  onNotice: ConvertOptions['onNotice'],
): Promise<Journal> {
  const journal = await Journal.open(sink, identity);
  if (journal.leftover === 'same') {
    onNotice?.({ type: 'continued' });
    return journal;
  }
  await sink.retain(new Set(writer.files.map(({ path }) => path)));
  if (journal.leftover !== 'nothing') onNotice?.({ type: 'started-over', reason: REASONS[journal.leftover] });
  return journal;
}

const REASONS = {
  'other-source': 'the source is not, or does not say that it is, what it was then',
  'other-settings': 'the options, the source or the converter were others then',
} as const;
