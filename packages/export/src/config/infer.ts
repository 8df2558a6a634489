import { FLUX1_DEV, PARTS, type Part } from '@flux-srpo/core';
import { tensorOf } from '../key-maps/lookup.ts';
import { type Component, namingOf, type TensorShapes } from '../key-maps/namings.ts';

/**
 * Shapes of a component's tensors, found by the slots that they fill, so that their naming does not
 * matter.
 */
class Shapes {
  readonly #find: (part: string, slot: string) => readonly number[] | undefined;

  constructor(component: Component, tensors: TensorShapes) {
    const naming = namingOf(component, tensors);
    this.#find = (part, slot) => tensors.get(tensorOf(naming, tensors, part, slot) ?? '')?.shape;
  }

  has({ name }: Part, slot: string): boolean {
    return this.#find(name, slot) !== undefined;
  }

  /** One dimension. Undefined where there is no such tensor, which the config's reader refuses. */
  dim({ name }: Part, slot: string, axis: number): number | undefined {
    return this.#find(name, slot)?.[axis];
  }

  /** How many tensors of a numbered name there are, from 0 on. */
  count(has: (i: number) => boolean): number {
    let count = 0;
    while (has(count)) count++;
    return count;
  }
}

/**
 * The `config.json` of a network that has none, from the shapes of its tensors. What shapes do not
 * tell (norm epsilons, the VAE's scaling, CLIP's attention heads) is as in FLUX.1. The readers of
 * config files check the result like any other config.
 */
export function inferConfig(component: Component, tensors: TensorShapes): Record<string, unknown> {
  const record = INFER[component](new Shapes(component, tensors));
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

const INFER: Readonly<Record<Component, (shapes: Shapes) => Record<string, unknown>>> = {
  transformer(shapes) {
    const hidden = shapes.dim(PARTS.embedImage, 'img_in.weight', 0);
    const headDim =
      shapes.dim(PARTS.doubleBlock(0), 'img_attn.norm_q.scale', 0) ??
      shapes.dim(PARTS.singleBlock(0), 'norm_q.scale', 0);
    return {
      in_channels: shapes.dim(PARTS.embedImage, 'img_in.weight', 1),
      num_layers: shapes.count((i) => shapes.has(PARTS.doubleBlock(i), 'img_attn.norm_q.scale')),
      num_single_layers: shapes.count((i) => shapes.has(PARTS.singleBlock(i), 'norm_q.scale')),
      attention_head_dim: headDim,
      num_attention_heads: divide(hidden, headDim),
      joint_attention_dim: shapes.dim(PARTS.embedText, 'txt_in.weight', 1),
      pooled_projection_dim: shapes.dim(PARTS.conditioning, 'vector_in.in_layer.weight', 1),
      // FLUX.1 [schnell] has none.
      guidance_embeds: shapes.has(PARTS.conditioning, 'guidance_in.in_layer.weight'),
      axes_dims_rope: FLUX1_DEV.transformer.axes_dims_rope,
    };
  },

  text_encoder(shapes) {
    const hidden = shapes.dim(PARTS.clipEmbedding, 'token', 1);
    const { hidden_size, num_attention_heads } = FLUX1_DEV.text_encoder;
    return {
      vocab_size: shapes.dim(PARTS.clipEmbedding, 'token', 0),
      hidden_size: hidden,
      intermediate_size: shapes.dim(PARTS.clipLayer(0), 'fc1.weight', 0),
      num_hidden_layers: shapes.count((i) => shapes.has(PARTS.clipLayer(i), 'fc1.weight')),
      // Every text model of CLIP has heads of 64.
      num_attention_heads: divide(hidden, hidden_size / num_attention_heads),
      max_position_embeddings: shapes.dim(PARTS.clipEmbedding, 'position', 0),
    };
  },

  text_encoder_2(shapes) {
    const heads = shapes.dim(PARTS.t5Embedding, 'position_bias', 1);
    return {
      vocab_size: shapes.dim(PARTS.t5Embedding, 'token', 0),
      d_model: shapes.dim(PARTS.t5Embedding, 'token', 1),
      d_kv: divide(shapes.dim(PARTS.t5Layer(0), 'q.weight', 0), heads),
      d_ff: shapes.dim(PARTS.t5Layer(0), 'wi_0.weight', 0),
      num_layers: shapes.count((i) => shapes.has(PARTS.t5Layer(i), 'q.weight')),
      num_heads: heads,
      relative_attention_num_buckets: shapes.dim(PARTS.t5Embedding, 'position_bias', 0),
      feed_forward_proj: 'gated-gelu',
    };
  },

  vae(shapes) {
    // The decoder counts its levels from the latent to the picture, configs from the picture.
    const levels = [0, 1, 2, 3].map((level) => shapes.dim(PARTS.vaeUp(level), 'res_0.conv1.weight', 0));
    const { scaling_factor, shift_factor, norm_num_groups } = FLUX1_DEV.vae;
    return {
      use_post_quant_conv: false,
      latent_channels: shapes.dim(PARTS.vaeIn, 'conv_in.weight', 1),
      block_out_channels: levels.reverse(),
      up_block_types: levels.map(() => 'UpDecoderBlock2D'),
      layers_per_block: shapes.count((j) => shapes.has(PARTS.vaeUp(0), `res_${j}.conv1.weight`)) - 1,
      norm_num_groups,
      mid_block_add_attention: shapes.has(PARTS.vaeIn, 'mid.attn.q.weight'),
      scaling_factor,
      shift_factor,
    };
  },
};

function divide(value: number | undefined, by: number | undefined): number | undefined {
  return value === undefined || by === undefined ? undefined : value / by;
}
