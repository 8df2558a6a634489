import type { ModelConfig } from '@flux-srpo/core';
import { readModelConfig } from '../config/pipeline.ts';
import { planParts } from '../graphs/index.ts';
import type { PartPlan } from '../graphs/slots.ts';
import { bindParts } from '../key-maps/bind-parts.ts';
import type { Binding } from '../key-maps/binding.ts';
import { COMPONENTS, type Component } from '../key-maps/namings.ts';
import { mergeLoras } from '../lora/merge-loras.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import type { OpenLora } from '../lora/open-loras.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import { openCheckpoint } from '../sources/open-checkpoint.ts';
import type { SourceFolder } from '../sources/source-folder.ts';
import { ReadMemory } from '../tensors/read-memory.ts';
import {
  type ClipTokenizerFiles,
  readClipTokenizer,
  readT5Tokenizer,
  type TokenizerFiles,
} from '../tokenizers/read.ts';

/** What is known of a conversion before any weight is read. */
export interface Headers {
  readonly clipTokenizer: ClipTokenizerFiles;
  readonly t5Tokenizer: TokenizerFiles;
  readonly checkpoints: Readonly<Record<Component, Checkpoint>>;
  readonly config: ModelConfig;
  readonly plan: readonly PartPlan[];
  readonly binding: Binding<MergedSlot>;
  /** What the source does not say, and is assumed. */
  readonly assumed: readonly string[];
}

/**
 * Reads the small files and every header, and checks that the checkpoint is what the configs say.
 * @param opened receives each checkpoint as it is opened. The caller closes them, also after an
 *   error
 */
export async function readHeaders(
  source: SourceFolder,
  opened: Partial<Record<Component, Checkpoint>>,
  loras: readonly OpenLora[] = [],
): Promise<Headers> {
  const memory = new ReadMemory();
  for (const component of COMPONENTS) opened[component] = await openCheckpoint(source, component, memory);
  const checkpoints = opened as Record<Component, Checkpoint>;
  const clipTokenizer = await readClipTokenizer(source, checkpoints.text_encoder);
  const t5Tokenizer = await readT5Tokenizer(source, checkpoints.text_encoder_2);
  const tensors = tensorsOf(checkpoints);
  const { config, assumed } = await readModelConfig(source, clipTokenizer.eosId, tensors);
  const plan = planParts(config);
  const binding = await mergeLoras(bindParts(plan, tensors), plan, loras);
  for (const { component, tensor } of [...binding.parts.values()].flat()) checkpoints[component].checkDtype(tensor);
  const all = [...assumed, ...clipTokenizer.assumed, ...t5Tokenizer.assumed];
  return { clipTokenizer, t5Tokenizer, checkpoints, config, plan, binding, assumed: all };
}

function tensorsOf(checkpoints: Record<Component, Checkpoint>): Record<Component, Checkpoint['tensors']> {
  const entries = COMPONENTS.map((component) => [component, checkpoints[component].tensors]);
  return Object.fromEntries(entries) as Record<Component, Checkpoint['tensors']>;
}
