import { type ModelConfig, modelParts, PARTS, type TensorClass, type WeightClass } from '@flux-srpo/core';
import { describeGraph } from './build-graph.ts';
import type { ClassOf, PartPlan, WeightSlot } from './slots.ts';

const AS_FLOAT: ClassOf = (): WeightClass => 'f32';

/** Every part of a model of this shape in run order, with the weights it takes. */
export function planParts(config: ModelConfig): PartPlan[] {
  const slotsOf = new Map<string, readonly WeightSlot[]>();
  return modelParts(config).map((part) => {
    const { name, graph } = part;
    if (graph === undefined) return { ...part, slots: tableSlots(name, config) };
    const slots = slotsOf.get(graph) ?? describeGraph(graph, config, AS_FLOAT).slots;
    slotsOf.set(graph, slots);
    return { ...part, slots };
  });
}

/** The tables of the text encoders' embeddings. */
function tableSlots(part: string, { text_encoder: clip, text_encoder_2: t5 }: ModelConfig): WeightSlot[] {
  const plain = (name: string, shape: number[], tensorClass: TensorClass): WeightSlot => ({
    name,
    kind: 'plain',
    shape,
    tensorClass,
  });
  if (part === PARTS.clipEmbedding.name) {
    return [
      plain('token', [clip.vocab_size, clip.hidden_size], 'table'),
      plain('position', [clip.max_position_embeddings, clip.hidden_size], 'bias'),
    ];
  }
  return [
    plain('token', [t5.vocab_size, t5.d_model], 'table'),
    plain('position_bias', [t5.relative_attention_num_buckets, t5.num_heads], 'bias'),
  ];
}
