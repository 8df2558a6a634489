import {
  type BundlePart,
  isBlockClass,
  joinBytes,
  type Manifest,
  type ModelConfig,
  type QuantizationFallback,
  type TensorClass,
} from '@flux-srpo/core';
import { e4m4ToF32, widen, writeSafetensors } from '@flux-srpo/formats';
import { type FixedInput, fixInputs } from '@flux-srpo/formats/onnx';
import { type BuiltGraph, buildGraph, type ClassOf, HALF_GRAPHS, type PartPlan } from '../graphs/index.ts';
import type { Component } from '../key-maps/index.ts';
import type { MergedSlot } from '../lora/merged-slot.ts';
import type { RowQuantizer } from '../quantize/rows.ts';
import type { Checkpoint } from '../sources/checkpoint.ts';
import type { StoredTensor } from '../weights/block-tensors.ts';
import { keepBlocks } from '../weights/kept-blocks.ts';
import { planStorage } from '../weights/plan-storage.ts';
import { slotPieces } from '../weights/slot-reader.ts';
import type { BundleWriter } from './bundle-writer.ts';

/** A part as it will be written. */
export interface StoredPart {
  /** In the order of the graph's inputs. */
  readonly tensors: readonly StoredTensor[];
  /** Slots whose numbers needed a wider dtype on disk. `tensor` is the slot's name. */
  readonly fallbacks: readonly QuantizationFallback[];
  /** Where the blocks of quantized slots come from. */
  readonly blocks: readonly BlockOrigin[];
}

/** Where a slot's blocks come from. */
export interface BlockOrigin {
  readonly tensorClass: TensorClass;
  /** The tensor's dtype in the source. */
  readonly dtype: string;
  /** Whether the blocks are the source's own, kept to the bit. */
  readonly isKept: boolean;
}

/** What {@link planPart} reads weights from, and with. */
export interface PlanContext {
  readonly checkpoints: Readonly<Record<Component, Checkpoint>>;
  readonly classOf: ClassOf;
  readonly quantizer: RowQuantizer | undefined;
  readonly signal: AbortSignal | undefined;
  /** Called after each slot that was read. */
  onSlot(slot: MergedSlot): void;
}

/** Chooses how each slot of a part is stored; reads all its weights once. */
export async function planPart(
  { graph }: PartPlan,
  slots: readonly MergedSlot[],
  context: PlanContext,
): Promise<StoredPart> {
  const { checkpoints, classOf, quantizer, signal, onSlot } = context;
  const tensors: StoredTensor[] = [];
  const fallbacks: QuantizationFallback[] = [];
  const blocks: BlockOrigin[] = [];
  for (const bound of slots) {
    const checkpoint = checkpoints[bound.component];
    const weightClass = classOf(bound.slot, graph);
    const kept = await keepBlocks(bound, checkpoint, weightClass, signal);
    const storage =
      kept ?? (await planStorage(bound.slot, weightClass, slotPieces(bound, checkpoint, signal), quantizer));
    tensors.push(...storage.tensors);
    if (isBlockClass(weightClass) && bound.slot.kind === 'linear') {
      const { dtype } = checkpoint.tensors.get(bound.tensor)!;
      blocks.push({ tensorClass: bound.slot.tensorClass, dtype, isKept: kept !== undefined });
    }
    if (storage.reason !== undefined) {
      fallbacks.push({ tensor: bound.slot.name, asked: 'f16', used: 'f32', reason: storage.reason });
    }
    onSlot(bound);
  }
  return { tensors, fallbacks, blocks };
}

/**
 * Writes `weights/<part>.safetensors` and returns the manifest's entry. Writes nothing for a part
 * without weights.
 */
export async function writeWeights(
  writer: BundleWriter,
  part: PartPlan,
  tensors: readonly StoredTensor[],
): Promise<BundlePart> {
  const entry = { name: part.name, ...(part.graph !== undefined && { graph: part.graph }) };
  if (tensors.length === 0) return entry;
  const weights = `weights/${part.name}.safetensors`;
  const file = await writer.create(weights);
  try {
    await writeSafetensors(file, tensors, (tensor) => tensor.bytes());
  } finally {
    await file.close();
  }
  return { ...entry, weights };
}

/** Writes one graph per kind of block, and its variant in half precision where it has one. */
export async function writeGraphs(
  writer: BundleWriter,
  plan: readonly PartPlan[],
  config: ModelConfig,
  classOf: ClassOf,
): Promise<Required<Pick<Manifest, 'graphs' | 'graphs_f16'>>> {
  const graphs: Record<string, string> = {};
  const graphs_f16: Record<string, string> = {};
  for (const { graph } of plan) {
    if (graph === undefined || Object.hasOwn(graphs, graph)) continue;
    graphs[graph] = `graphs/${graph}.onnx`;
    await writer.write(graphs[graph], buildGraph(graph, config, classOf).bytes);
    if (!HALF_GRAPHS.includes(graph)) continue;
    graphs_f16[graph] = `graphs/${graph}.f16.onnx`;
    await writer.write(graphs_f16[graph], buildGraph(graph, config, classOf, 'f16').bytes);
  }
  return { graphs, graphs_f16 };
}

/**
 * Writes a part's own graph with its weights inside, and returns its path. Holds the whole part in
 * memory.
 */
export async function writeBaked(
  writer: BundleWriter,
  part: PartPlan,
  tensors: readonly StoredTensor[],
  { bytes, weights }: BuiltGraph,
): Promise<string> {
  const stored = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const inputs: FixedInput[] = [];
  for (const input of weights) inputs.push({ ...input, bytes: await graphBytes(stored.get(input.name)!) });
  const path = `graphs/${part.name}.onnx`;
  await writer.write(path, fixInputs(bytes, inputs));
  return path;
}

/** A tensor's bytes in the graph's dtype: floats are float32 there, whatever they are on disk. */
async function graphBytes(tensor: StoredTensor): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of tensor.bytes()) {
    if (tensor.dtype === 'U8' && !tensor.name.endsWith('.scales')) pieces.push(piece);
    else {
      const floats = tensor.dtype === 'U8' ? e4m4ToF32(piece) : widen(tensor.dtype, piece);
      pieces.push(new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength));
    }
  }
  return joinBytes(pieces);
}
