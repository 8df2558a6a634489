import { isFluxError, type Manifest } from '@flux-srpo/core';
import { completeInfo } from '../bundle/bundle-info.ts';
import { type BundleSink, isResumable } from '../bundle/bundle-sink.ts';
import { BundleWriter } from '../bundle/bundle-writer.ts';
import { checkDraft, describeBlocks, draftManifest, writeManifest } from '../bundle/manifest-draft.ts';
import { readSafetyChecker } from '../bundle/read-safety-checker.ts';
import { writeGraphs } from '../bundle/write-graphs.ts';
import type { Component } from '../key-maps/namings.ts';
import { leftOutOf } from '../lora/merge-loras.ts';
import { type OpenLora, openLoras } from '../lora/open-loras.ts';
import { Journal } from '../resume/journal.ts';
import { journalIdentity } from '../resume/journal-identity.ts';
import { openJournal } from '../resume/open-journal.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { watchSource } from '../sources/watch-source.ts';
import { CLASS_MAPS, type ClassMap } from '../weight-classes/class-map.ts';
import { classesForSource } from '../weight-classes/source-classes.ts';
import type { ConvertOptions, ConvertSummary } from './convert-options.ts';
import { convertParts } from './convert-parts.ts';
import { expectedBytes } from './part-work.ts';
import { readHeaders } from './read-headers.ts';
import { unboundTensors } from './unbound-tensors.ts';

/** One conversion: where it reads and writes, and what it has opened and must close. */
interface Conversion {
  readonly source: SourceFolder;
  readonly sink: BundleSink;
  readonly writer: BundleWriter;
  readonly options: ConvertOptions;
  /** The checkpoints that are open. */
  readonly checkpoints: Partial<Record<Component, Checkpoint>>;
  loras: readonly OpenLora[];
  /** Until then the sink's journal is an earlier conversion's. */
  hasJournal: boolean;
}

/**
 * Writes the bundle of a diffusers FluxPipeline folder. Memory is bounded by the largest tensor.
 * Nothing becomes visible in `sink` unless everything was written. Where the sink is resumable, the
 * finished parts of an interrupted conversion are taken over.
 */
export async function convertPipeline(
  source: SourceFolder,
  sink: BundleSink,
  options: ConvertOptions,
): Promise<ConvertSummary> {
  const writer = new BundleWriter(sink);
  const conversion: Conversion = { source, sink, writer, options, checkpoints: {}, loras: [], hasJournal: false };
  try {
    const summary = await convert(conversion);
    options.signal?.throwIfAborted();
    await sink.commit(new Set(writer.files.map(({ path }) => path)));
    return summary;
  } catch (error) {
    await endAfterError(conversion, error);
    throw error;
  } finally {
    for (const file of [...Object.values(conversion.checkpoints), ...conversion.loras]) await file.close();
  }
}

/** Keeps the finished parts for another try where that can help. */
async function endAfterError({ sink, options, hasJournal }: Conversion, error: unknown): Promise<void> {
  // Whoever mends the source or the options has another conversion.
  const mayGoOn = !(['input/', 'format/', 'model/'] as const).some((family) => isFluxError(error, family));
  // Before its own journal is open, a conversion must not remove what an earlier one left.
  if (isResumable(sink) && (!hasJournal || mayGoOn) && (await Journal.listsParts(sink))) {
    await sink.suspend();
    if (mayGoOn) options.onNotice?.({ type: 'suspended' });
  } else {
    await sink.abort();
  }
}

async function convert(conversion: Conversion): Promise<ConvertSummary> {
  const { sink, writer, options } = conversion;
  const { bake = false, signal, quantizer, onProgress, onNotice } = options;

  // 1. Read every header and check the checkpoint against the configs. Nothing is written yet.
  const loras = await openLoras(options.loras ?? [], signal);
  conversion.loras = loras;
  const { source, states, assertUnchanged } = watchSource(conversion.source);
  const headers = await readHeaders(source, conversion.checkpoints, loras);
  const { clipTokenizer, t5Tokenizer, checkpoints, config, plan, binding } = headers;
  const { info, assumed: assumedInfo } = completeInfo(options.info ?? {}, config);
  const assumed = [...headers.assumed, ...assumedInfo];
  for (const what of assumed) onNotice?.({ type: 'assumed', what });
  for (const what of leftOutOf(loras, binding.unused)) onNotice?.({ type: 'left-out', what });
  const asked: ClassMap = { ...CLASS_MAPS[options.dtype], ...options.classMap };
  const { classMap, classOf, fallbacks } = classesForSource(asked, plan, binding, checkpoints);
  const checker = options.safetyChecker && watchSource(options.safetyChecker);
  const safetyChecker = checker && (await readSafetyChecker(checker.source));

  // 2. The small files, and a manifest without weights: what is wrong with `info` shows now.
  const tokenizers = { tokenizer: clipTokenizer, tokenizer_2: t5Tokenizer };
  for (const [folder, { files }] of Object.entries(tokenizers)) {
    for (const [name, bytes] of files) await writer.write(`${folder}/${name}`, bytes);
  }
  await safetyChecker?.write(writer);
  const shared = bake ? { graphs: {} } : await writeGraphs(writer, plan, config, classOf);
  const draft = draftManifest({
    config,
    info,
    tokenizers,
    checkpoints,
    assumed,
    classMap,
    loras: loras.map(({ record }) => record),
    safetyChecker: safetyChecker?.manifest,
  });
  checkDraft(draft, writer.files);

  // 3. The weights, a part at a time, or as an interrupted conversion left them.
  let journal: Journal | undefined;
  if (isResumable(sink)) {
    const identity = await journalIdentity(states, draft, writer.files, bake);
    journal = await openJournal(sink, identity, writer.files, onNotice);
    conversion.hasJournal = true;
    await sink.reserve?.(plan.reduce((sum, part) => sum + expectedBytes(part, classOf), 0));
  }
  const parts = await convertParts({ ...headers, writer, classOf, bake, journal, quantizer, signal, onProgress });
  await assertUnchanged();
  await checker?.assertUnchanged();
  for (const lora of loras) await lora.assertUnchanged();

  // 4. The manifest, last.
  const manifest: Manifest = {
    ...draft,
    source: { ...draft.source, ...describeBlocks(parts.flatMap(({ blocks }) => blocks)) },
    quantization: { recipe: { ...classMap }, fallbacks: [...fallbacks, ...parts.flatMap((part) => part.fallbacks)] },
    ...shared,
    graphs: {
      ...shared.graphs,
      ...Object.fromEntries(parts.flatMap(({ entry, graph }) => (graph === undefined ? [] : [[entry.name, graph]]))),
    },
    parts: parts.map(({ entry }) => entry),
    files: [...writer.files],
  };
  const identity = await writeManifest(writer, manifest);
  return {
    manifest,
    identity,
    bytes: writer.files.reduce((sum, file) => sum + file.size, 0),
    unused: [...binding.unused, ...unboundTensors(checkpoints)],
  };
}
