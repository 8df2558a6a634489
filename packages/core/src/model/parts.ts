import type { ModelConfig } from './config.ts';

/** The parts of a model, which the converter writes, the runtime runs, the planner counts. */

/** The phases of a generation, in run order. Modulation and denoise share a device. */
export const PLAN_PHASES = ['text', 'modulation', 'denoise', 'decode'] as const;
export type PlanPhase = (typeof PLAN_PHASES)[number];

/** What a recipe keys on: tensors of one class are stored alike. */
export type TensorClass =
  | 'attention'
  | 'mlp'
  | 'modulation'
  | 'embedder'
  | 'final'
  | 't5'
  | 't5_wo'
  | 'clip'
  | 'vae'
  | 'table'
  | 'norm'
  | 'bias';

/** The networks of a model, named as diffusers names their folders. */
export type Component = 'transformer' | 'text_encoder' | 'text_encoder_2' | 'vae';

/** A graph with weights of its own, or a table. */
export interface Part {
  /** In the manifest, in file names and in messages: `double_block.3`. */
  readonly name: string;
  /** The graph that runs it, shared by parts of a kind. Absent for tables, read by row. */
  readonly graph?: string;
  readonly component: Component;
  readonly phase: PlanPhase;
  /** Runs `once` in a generation, in turn at every `step`, or any number of times in a `phase`. */
  readonly use: 'once' | 'step' | 'phase';
  /** Classes of its weights. Norms and biases are left out: they are too small to count. */
  readonly classes: readonly TensorClass[];
}

/** A part that runs. */
export type GraphPart = Part & { readonly graph: string };

/** A modulation linear and its vectors: (shift, scale, gate) per residual branch. */
export interface ModulationPart extends GraphPart {
  readonly vectors: 6 | 3 | 2;
}

/** What depends on the prompt and the schedule alone: done before the first step. */
const ONCE = { phase: 'modulation', use: 'once' } as const;

/** Every kind of part, in run order; a function where a model has several. */
export const PARTS = {
  clipEmbedding: table('clip_embedding', 'text_encoder'),
  clipLayer: (layer: number) => encoder(`clip_layer.${layer}`, 'clip_layer', 'text_encoder', ['clip']),
  clipFinal: encoder('clip_final', 'clip_final', 'text_encoder', []),
  t5Embedding: table('t5_embedding', 'text_encoder_2'),
  t5Layer: (layer: number) => encoder(`t5_layer.${layer}`, 't5_layer', 'text_encoder_2', ['t5', 't5_wo']),
  t5Final: encoder('t5_final', 't5_final', 'text_encoder_2', []),
  conditioning: { ...transformer('conditioning', ['embedder']), ...ONCE },
  doubleModulation: (block: number, stream: 'img' | 'txt') => modulation(`double_block.${block}.${stream}`, 6),
  singleModulation: (block: number) => modulation(`single_block.${block}`, 3),
  finalModulation: { ...modulation('final', 2), classes: ['final'] },
  embedText: { ...transformer('embed_text', ['embedder']), ...ONCE },
  embedImage: transformer('embed_image', ['embedder']),
  doubleBlock: (block: number) => blockPart(`double_block.${block}`, 'double_block'),
  joinStreams: transformer('join_streams', []),
  singleBlock: (block: number) => blockPart(`single_block.${block}`, 'single_block'),
  finalLayer: transformer('final_layer', ['final']),
  cacheResidual: transformer('cache_residual', []),
  cacheChange: transformer('cache_change', []),
  cacheRest: transformer('cache_rest', []),
  cacheApply: transformer('cache_apply', []),
  vaeIn: decoder('vae_in'),
  vaeUp: (level: number) => decoder(`vae_up.${level}`),
  vaeOut: decoder('vae_out'),
} as const;

/** All parts of a model of this shape, in run order. */
export function modelParts(config: ModelConfig): Part[] {
  const { text_encoder: clip, text_encoder_2: t5, vae } = config;
  return [
    PARTS.clipEmbedding,
    ...times(clip.num_hidden_layers, PARTS.clipLayer),
    PARTS.clipFinal,
    PARTS.t5Embedding,
    ...times(t5.num_layers, PARTS.t5Layer),
    PARTS.t5Final,
    PARTS.conditioning,
    ...modulationParts(config.transformer),
    PARTS.embedText,
    PARTS.embedImage,
    ...times(config.transformer.num_layers, PARTS.doubleBlock),
    PARTS.joinStreams,
    ...times(config.transformer.num_single_layers, PARTS.singleBlock),
    PARTS.finalLayer,
    PARTS.cacheResidual,
    PARTS.cacheChange,
    PARTS.cacheRest,
    PARTS.cacheApply,
    PARTS.vaeIn,
    ...times(vae.block_out_channels.length, PARTS.vaeUp),
    PARTS.vaeOut,
  ];
}

/** The linears that give every adaLN vector, in run order. */
export function modulationParts(config: ModelConfig['transformer']): ModulationPart[] {
  return [
    ...times(config.num_layers, (i) => [PARTS.doubleModulation(i, 'img'), PARTS.doubleModulation(i, 'txt')]).flat(),
    ...times(config.num_single_layers, PARTS.singleModulation),
    PARTS.finalModulation,
  ];
}

function table(name: string, component: Component): Part {
  return { name, component, phase: 'text', use: 'once', classes: ['table'] };
}

function encoder(name: string, graph: string, component: Component, classes: Part['classes']): GraphPart {
  return { name, graph, component, phase: 'text', use: 'once', classes };
}

function transformer(name: string, classes: Part['classes'], graph = name): GraphPart {
  return { name, graph, component: 'transformer', phase: 'denoise', use: 'phase', classes };
}

function blockPart(name: string, graph: string): GraphPart {
  return { ...transformer(name, ['attention', 'mlp'], graph), use: 'step' };
}

function modulation(name: string, vectors: ModulationPart['vectors']): ModulationPart {
  return { ...transformer(`modulation.${name}`, ['modulation'], `modulation_${vectors}`), ...ONCE, vectors };
}

function decoder(name: string): GraphPart {
  return { name, graph: name, component: 'vae', phase: 'decode', use: 'phase', classes: ['vae'] };
}

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}
