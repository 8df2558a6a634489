import { type ModelConfig, PARTS, type Precision } from '@flux-srpo/core';
import { GraphBuilder } from './graph-builder.ts';
import type { ClassOf } from './slots.ts';
import { cacheApply, cacheChange, cacheResidual, cacheRest } from './step-cache.ts';
import { clipFinal, clipLayer, t5Final, t5Layer } from './text.ts';
import {
  conditioning,
  doubleBlock,
  embedImage,
  embedText,
  finalLayer,
  joinStreams,
  modulation,
  singleBlock,
} from './transformer.ts';
import { vaeIn, vaeOut, vaeUp } from './vae.ts';
import type { WeightInput } from './weight-inputs.ts';

type Describe = (g: GraphBuilder) => void;

/** Every graph of a model of this shape, by name. */
function graphFamilies(config: ModelConfig): Record<string, Describe> {
  const { transformer, text_encoder, text_encoder_2, vae } = config;
  return {
    clip_layer: (g) => clipLayer(g, text_encoder),
    clip_final: (g) => clipFinal(g, text_encoder),
    t5_layer: (g) => t5Layer(g, text_encoder_2),
    t5_final: (g) => t5Final(g, text_encoder_2),
    conditioning: (g) => conditioning(g, transformer),
    modulation_6: (g) => modulation(g, transformer, 6),
    modulation_3: (g) => modulation(g, transformer, 3),
    modulation_2: (g) => modulation(g, transformer, 2),
    embed_image: (g) => embedImage(g, transformer),
    embed_text: (g) => embedText(g, transformer),
    double_block: (g) => doubleBlock(g, transformer),
    join_streams: (g) => joinStreams(g, transformer),
    single_block: (g) => singleBlock(g, transformer),
    final_layer: (g) => finalLayer(g, transformer),
    cache_residual: (g) => cacheResidual(g, transformer),
    cache_change: (g) => cacheChange(g, transformer),
    cache_rest: (g) => cacheRest(g, transformer),
    cache_apply: (g) => cacheApply(g, transformer),
    vae_in: (g) => vaeIn(g, vae),
    ...Object.fromEntries(
      vae.block_out_channels.map((_, level) => [`vae_up.${level}`, (g: GraphBuilder) => vaeUp(g, vae, level)]),
    ),
    vae_out: (g) => vaeOut(g, vae),
  };
}

/** A graph with every weight in the class that `classOf` says. `f16` is for {@link HALF_GRAPHS}. */
export function describeGraph(
  graph: string,
  config: ModelConfig,
  classOf: ClassOf,
  precision?: Precision,
): GraphBuilder {
  const families = graphFamilies(config);
  const family = Object.hasOwn(families, graph) ? families[graph] : undefined;
  if (!family) throw new Error(`there is no graph named ${graph}`);
  const g = new GraphBuilder(graph, classOf, precision);
  family(g);
  return g;
}

/**
 * Graphs with a variant in half precision: those with most of the work and the weights. The others
 * feed the float32 streams, or are the decoder, whose activations overflow halves.
 */
export const HALF_GRAPHS: readonly string[] = [PARTS.t5Layer(0), PARTS.doubleBlock(0), PARTS.singleBlock(0)].map(
  ({ graph }) => graph,
);

export interface BuiltGraph {
  /** A complete ONNX model. */
  bytes: Uint8Array;
  /** Its weight inputs, in order. */
  weights: readonly WeightInput[];
}

/**
 * Writes the graph `graph` with each weight in the class `classOf` says. `f16` is for
 * {@link HALF_GRAPHS}.
 */
export function buildGraph(graph: string, config: ModelConfig, classOf: ClassOf, precision?: Precision): BuiltGraph {
  const g = describeGraph(graph, config, classOf, precision);
  return { bytes: g.build(), weights: g.weightInputs };
}
