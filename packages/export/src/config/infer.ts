import { FLUX1_DEV } from '@flux-srpo/core';
import { type Component, namingOf, type TensorShapes } from '../key-maps/index.ts';
import { tensorOf } from '../key-maps/lookup.ts';

/** Shapes of a component's tensors, asked for by the slot each one fills, so that the naming does not matter. */
class Shapes {
  readonly #find: (part: string, slot: string) => readonly number[] | undefined;

  constructor(component: Component, tensors: TensorShapes) {
    const naming = namingOf(component, tensors);
    this.#find = (part, slot) => tensors.get(tensorOf(naming, tensors, part, slot) ?? '')?.shape;
  }

  has(part: string, slot: string): boolean {
    return this.#find(part, slot) !== undefined;
  }

  /** One dimension; undefined where there is no such tensor, for the config's reader to refuse. */
  dim(part: string, slot: string, axis: number): number | undefined {
    return this.#find(part, slot)?.[axis];
  }

  /** How many there are of something numbered from 0. */
  count(has: (i: number) => boolean): number {
    let count = 0;
    while (has(count)) count++;
    return count;
  }
}

/**
 * What a `config.json` would say of a network that has none, from the shapes of its tensors. What shapes do not tell (norm epsilons, the VAE's
 * scaling, attention heads of CLIP) is FLUX.1's. The readers of config files check the result like any other config.
 */
export function inferConfig(component: Component, tensors: TensorShapes): Record<string, unknown> {
  const record = INFER[component](new Shapes(component, tensors));
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

const INFER: Readonly<Record<Component, (shapes: Shapes) => Record<string, unknown>>> = {
  transformer(shapes) {
    const hidden = shapes.dim('embed_image', 'img_in.weight', 0);
    const headDim =
      shapes.dim('double_block.0', 'img_attn.norm_q.scale', 0) ?? shapes.dim('single_block.0', 'norm_q.scale', 0);
    return {
      in_channels: shapes.dim('embed_image', 'img_in.weight', 1),
      num_layers: shapes.count((i) => shapes.has(`double_block.${i}`, 'img_attn.norm_q.scale')),
      num_single_layers: shapes.count((i) => shapes.has(`single_block.${i}`, 'norm_q.scale')),
      attention_head_dim: headDim,
      num_attention_heads: divide(hidden, headDim),
      joint_attention_dim: shapes.dim('embed_text', 'txt_in.weight', 1),
      pooled_projection_dim: shapes.dim('conditioning', 'vector_in.in_layer.weight', 1),
      // FLUX.1 [schnell] has none.
      guidance_embeds: shapes.has('conditioning', 'guidance_in.in_layer.weight'),
      axes_dims_rope: FLUX1_DEV.transformer.axes_dims_rope,
    };
  },

  text_encoder(shapes) {
    const hidden = shapes.dim('clip_embedding', 'token', 1);
    const { hidden_size, num_attention_heads } = FLUX1_DEV.text_encoder;
    return {
      vocab_size: shapes.dim('clip_embedding', 'token', 0),
      hidden_size: hidden,
      intermediate_size: shapes.dim('clip_layer.0', 'fc1.weight', 0),
      num_hidden_layers: shapes.count((i) => shapes.has(`clip_layer.${i}`, 'fc1.weight')),
      // Every text model of CLIP has heads of 64.
      num_attention_heads: divide(hidden, hidden_size / num_attention_heads),
      max_position_embeddings: shapes.dim('clip_embedding', 'position', 0),
    };
  },

  text_encoder_2(shapes) {
    const heads = shapes.dim('t5_embedding', 'position_bias', 1);
    return {
      vocab_size: shapes.dim('t5_embedding', 'token', 0),
      d_model: shapes.dim('t5_embedding', 'token', 1),
      d_kv: divide(shapes.dim('t5_layer.0', 'q.weight', 0), heads),
      d_ff: shapes.dim('t5_layer.0', 'wi_0.weight', 0),
      num_layers: shapes.count((i) => shapes.has(`t5_layer.${i}`, 'q.weight')),
      num_heads: heads,
      relative_attention_num_buckets: shapes.dim('t5_embedding', 'position_bias', 0),
      feed_forward_proj: 'gated-gelu',
    };
  },

  vae(shapes) {
    // The decoder's levels from the latent to the picture; configs list them the other way.
    const levels = [0, 1, 2, 3].map((level) => shapes.dim(`vae_up.${level}`, 'res_0.conv1.weight', 0));
    const { scaling_factor, shift_factor, norm_num_groups } = FLUX1_DEV.vae;
    return {
      use_post_quant_conv: false,
      latent_channels: shapes.dim('vae_in', 'conv_in.weight', 1),
      block_out_channels: levels.reverse(),
      up_block_types: levels.map(() => 'UpDecoderBlock2D'),
      layers_per_block: shapes.count((j) => shapes.has('vae_up.0', `res_${j}.conv1.weight`)) - 1,
      norm_num_groups,
      mid_block_add_attention: shapes.has('vae_in', 'mid.attn.q.weight'),
      scaling_factor,
      shift_factor,
    };
  },
};

function divide(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by;
}
