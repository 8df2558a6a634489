import type { BundleWriter } from '../bundle/bundle-writer.ts';
import { writeBaked } from '../bundle/write-baked.ts';
import { writeWeights } from '../bundle/write-weights.ts';
import { buildGraph, type ClassOf, type PartPlan } from '../graphs/index.ts';
import type { RowQuantizer } from '../quantize/row-quantizer.ts';
import type { FinishedPart, Journal } from '../resume/journal.ts';
import { PartMemory } from '../weights/part-memory.ts';
import { planPart } from '../weights/plan-part.ts';
import { type ConvertProgress, type PartWork, ProgressMeter } from './convert-progress.ts';
import { partWork, sourceBytes } from './part-work.ts';
import type { Headers } from './read-headers.ts';

/** What every part of a conversion is made with. */
export interface PartsContext extends Headers {
  readonly writer: BundleWriter;
  readonly classOf: ClassOf;
  readonly bake: boolean;
  /** Absent: the destination keeps nothing of an interrupted conversion. */
  readonly journal: Journal | undefined;
  readonly quantizer: RowQuantizer | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: ConvertProgress) => void) | undefined;
}

/** Writes the weights of every part in run order, or takes over what the journal has. */
export async function convertParts(context: PartsContext): Promise<FinishedPart[]> {
  const { plan, binding, checkpoints, writer, journal, signal, onProgress } = context;
  const work = plan.map((part) => partWork(part, binding.parts.get(part.name)!, checkpoints));
  const meter = new ProgressMeter(work);
  const memory = new PartMemory();
  const parts: FinishedPart[] = [];
  for (const [i, part] of plan.entries()) {
    signal?.throwIfAborted();
    const found = await journal?.find(part.name, signal);
    if (found?.file !== undefined) writer.adopt(found.file);
    const finished = found ?? (await convertPart(part, work[i]!, meter, memory, context));
    memory.reuse();
    if (found === undefined && finished.file !== undefined) await journal?.add(finished);
    parts.push(finished);
    onProgress?.(meter.advance(work[i]!, found !== undefined));
  }
  return parts;
}

async function convertPart(
  part: PartPlan,
  work: PartWork,
  meter: ProgressMeter,
  memory: PartMemory,
  context: PartsContext,
): Promise<FinishedPart> {
  const { writer, config, classOf, checkpoints, onProgress } = context;
  let bytes = 0;
  const { tensors, fallbacks, blocks } = await planPart(part, context.binding.parts.get(part.name)!, {
    ...context,
    memory,
    onSlot(slot) {
      bytes += sourceBytes(slot, checkpoints);
      // The last slot's event is the part's own, once it is written.
      if (bytes < work.bytes) onProgress?.(meter.reach(work, bytes));
    },
  });
  const before = writer.files.length;
  const isBaked = context.bake && part.graph !== undefined;
  const graph = isBaked ? await writeBaked(writer, part, tensors, buildGraph(part.graph!, config, classOf)) : undefined;
  const entry = isBaked ? { name: part.name, graph: part.name } : await writeWeights(writer, part, tensors);
  const file = writer.files[before];
  return {
    entry,
    ...(graph === undefined ? {} : { graph }),
    ...(file === undefined ? {} : { file }),
    blocks,
    fallbacks: fallbacks.map((fallback) => ({ ...fallback, tensor: `${part.name}/${fallback.tensor}` })),
  };
}
