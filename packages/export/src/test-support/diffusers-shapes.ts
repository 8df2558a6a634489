import { TINY_CHANNELS, TINY_CLIP, TINY_LATENT_CHANNELS, TINY_T5 } from './tiny-configs.ts';

/** Name → shape, outermost first. */
export type Shapes = Map<string, number[]>;

/** The sizes that a transformer's tensors follow from. */
export interface TransformerSizes {
  hidden: number;
  headDim: number;
  doubleBlocks: number;
  singleBlocks: number;
  textWidth: number;
  pooledWidth: number;
}

/** FLUX.1 [dev]'s. */
export const FLUX1_SIZES: TransformerSizes = {
  hidden: 3072,
  headDim: 128,
  doubleBlocks: 19,
  singleBlocks: 38,
  textWidth: 4096,
  pooledWidth: 768,
};

/**
 * diffusers' names and shapes, written out here rather than taken from the key maps: this is their
 * oracle.
 */
export function transformerShapes(sizes: TransformerSizes): Shapes {
  const { hidden, headDim } = sizes;
  const shapes: Shapes = new Map();
  const linear = (name: string, out: number, inner: number) => {
    shapes.set(`${name}.weight`, [out, inner]).set(`${name}.bias`, [out]);
  };
  linear('x_embedder', hidden, 64);
  linear('context_embedder', hidden, sizes.textWidth);
  for (const [name, inner] of [
    ['timestep', 256],
    ['guidance', 256],
    ['text', sizes.pooledWidth],
  ] as const) {
    linear(`time_text_embed.${name}_embedder.linear_1`, hidden, inner);
    linear(`time_text_embed.${name}_embedder.linear_2`, hidden, hidden);
  }
  for (let i = 0; i < sizes.doubleBlocks; i++) {
    const block = `transformer_blocks.${i}`;
    linear(`${block}.norm1.linear`, 6 * hidden, hidden);
    linear(`${block}.norm1_context.linear`, 6 * hidden, hidden);
    for (const name of ['to_q', 'to_k', 'to_v', 'to_out.0', 'add_q_proj', 'add_k_proj', 'add_v_proj', 'to_add_out']) {
      linear(`${block}.attn.${name}`, hidden, hidden);
    }
    for (const name of ['norm_q', 'norm_k', 'norm_added_q', 'norm_added_k']) {
      shapes.set(`${block}.attn.${name}.weight`, [headDim]);
    }
    for (const name of ['ff', 'ff_context']) {
      linear(`${block}.${name}.net.0.proj`, 4 * hidden, hidden);
      linear(`${block}.${name}.net.2`, hidden, 4 * hidden);
    }
  }
  for (let i = 0; i < sizes.singleBlocks; i++) {
    const block = `single_transformer_blocks.${i}`;
    linear(`${block}.norm.linear`, 3 * hidden, hidden);
    for (const name of ['to_q', 'to_k', 'to_v']) linear(`${block}.attn.${name}`, hidden, hidden);
    for (const name of ['norm_q', 'norm_k']) shapes.set(`${block}.attn.${name}.weight`, [headDim]);
    linear(`${block}.proj_mlp`, 4 * hidden, hidden);
    linear(`${block}.proj_out`, hidden, 5 * hidden);
  }
  linear('norm_out.linear', 2 * hidden, hidden);
  linear('proj_out', 64, hidden);
  return shapes;
}

/** The sizes that a CLIP text model's tensors follow from. */
export interface ClipSizes {
  vocab: number;
  width: number;
  ff: number;
  layers: number;
  positions: number;
}

export function clipShapes(prefix: string, { vocab, width, ff, layers, positions }: ClipSizes = TINY_CLIP): Shapes {
  const shapes: Shapes = new Map();
  const both = (name: string, ...shape: number[]) => {
    shapes.set(`${prefix}${name}.weight`, shape).set(`${prefix}${name}.bias`, [shape[0]!]);
  };
  shapes.set(`${prefix}embeddings.token_embedding.weight`, [vocab, width]);
  shapes.set(`${prefix}embeddings.position_embedding.weight`, [positions, width]);
  for (let i = 0; i < layers; i++) {
    const layer = `encoder.layers.${i}`;
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) both(`${layer}.self_attn.${name}`, width, width);
    both(`${layer}.mlp.fc1`, ff, width);
    both(`${layer}.mlp.fc2`, width, ff);
    for (const name of ['layer_norm1', 'layer_norm2']) both(`${layer}.${name}`, width);
  }
  both('final_layer_norm', width);
  return shapes;
}

/** The sizes that a T5 encoder's tensors follow from. */
export interface T5Sizes {
  vocab: number;
  width: number;
  inner: number;
  heads: number;
  ff: number;
  layers: number;
}

export function t5Shapes({ vocab, width, inner, heads, ff, layers }: T5Sizes = TINY_T5): Shapes {
  const shapes: Shapes = new Map([['shared.weight', [vocab, width]]]);
  for (let i = 0; i < layers; i++) {
    const block = `encoder.block.${i}.layer`;
    for (const name of ['q', 'k', 'v']) shapes.set(`${block}.0.SelfAttention.${name}.weight`, [inner, width]);
    shapes.set(`${block}.0.SelfAttention.o.weight`, [width, inner]);
    shapes.set(`${block}.0.layer_norm.weight`, [width]);
    for (const name of ['wi_0', 'wi_1']) shapes.set(`${block}.1.DenseReluDense.${name}.weight`, [ff, width]);
    shapes.set(`${block}.1.DenseReluDense.wo.weight`, [width, ff]);
    shapes.set(`${block}.1.layer_norm.weight`, [width]);
  }
  shapes.set('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', [32, heads]);
  shapes.set('encoder.final_layer_norm.weight', [width]);
  return shapes;
}

/**
 * @param channels of the encoder's levels; a decoder's level has one residual block more than
 *   `layersPerBlock`
 */
export function vaeShapes(channels: readonly number[] = TINY_CHANNELS, layersPerBlock = 1): Shapes {
  const shapes: Shapes = new Map();
  const both = (name: string, ...shape: number[]) => {
    shapes.set(`${name}.weight`, shape).set(`${name}.bias`, [shape[0]!]);
  };
  const conv = (name: string, out: number, inner: number) => both(name, out, inner, 3, 3);
  const resnet = (name: string, inner: number, out: number) => {
    both(`${name}.norm1`, inner);
    conv(`${name}.conv1`, out, inner);
    both(`${name}.norm2`, out);
    conv(`${name}.conv2`, out, out);
    if (inner !== out) both(`${name}.conv_shortcut`, out, inner, 1, 1);
  };
  const levels = [...channels].reverse();
  const top = levels[0]!;
  conv('decoder.conv_in', top, TINY_LATENT_CHANNELS);
  for (const j of [0, 1]) resnet(`decoder.mid_block.resnets.${j}`, top, top);
  both('decoder.mid_block.attentions.0.group_norm', top);
  // Files converted from the original autoencoder keep 1×1 convolutions here.
  both('decoder.mid_block.attentions.0.to_q', top, top, 1, 1);
  for (const name of ['to_k', 'to_v', 'to_out.0']) both(`decoder.mid_block.attentions.0.${name}`, top, top);
  for (const [i, out] of levels.entries()) {
    const inner = levels[Math.max(0, i - 1)]!;
    resnet(`decoder.up_blocks.${i}.resnets.0`, inner, out);
    for (let j = 1; j <= layersPerBlock; j++) resnet(`decoder.up_blocks.${i}.resnets.${j}`, out, out);
    if (i < levels.length - 1) conv(`decoder.up_blocks.${i}.upsamplers.0.conv`, out, out);
  }
  both('decoder.conv_norm_out', levels.at(-1)!);
  conv('decoder.conv_out', 3, levels.at(-1)!);
  conv('encoder.conv_in', 8, 3);
  return shapes;
}
