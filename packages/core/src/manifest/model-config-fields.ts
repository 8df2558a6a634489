import type {
  ClipConfig,
  ModelConfig,
  SchedulerConfig,
  T5Config,
  TransformerConfig,
  VaeConfig,
} from '../model/config.ts';
import { boolean, integer, list, number, object, oneOf, type Read, refusal } from '../strict/index.ts';

/* The shapes of the networks, as a manifest gives them. */

/** A size of a network, bounded so that products of three stay exact. */
const dimension = integer(1, 1 << 17);
const count = integer(1, 1024);

const transformer = object<TransformerConfig>({
  in_channels: dimension,
  num_layers: integer(0, 1024),
  num_single_layers: integer(0, 1024),
  attention_head_dim: dimension,
  num_attention_heads: count,
  joint_attention_dim: dimension,
  pooled_projection_dim: dimension,
  guidance_embeds: boolean,
  axes_dims_rope: list(integer(0, 4096), 3, 3) as Read<readonly number[]> as Read<TransformerConfig['axes_dims_rope']>,
});

const clip = object<ClipConfig>({
  vocab_size: integer(1, 1 << 24),
  hidden_size: dimension,
  intermediate_size: dimension,
  num_hidden_layers: count,
  num_attention_heads: count,
  max_position_embeddings: dimension,
  layer_norm_eps: number(0, 1),
  hidden_act: oneOf('quick_gelu', 'gelu'),
  eos_token_id: integer(0, 1 << 24),
});

const t5 = object<T5Config>({
  vocab_size: integer(1, 1 << 24),
  d_model: dimension,
  d_kv: dimension,
  d_ff: dimension,
  num_layers: count,
  num_heads: count,
  relative_attention_num_buckets: integer(2, 4096),
  relative_attention_max_distance: integer(2, 1 << 20),
  layer_norm_epsilon: number(0, 1),
  dense_act_fn: oneOf('gelu_new'),
});

const vae = object<VaeConfig>({
  latent_channels: dimension,
  block_out_channels: list(dimension, 1, 8),
  layers_per_block: integer(1, 16),
  norm_num_groups: dimension,
  mid_block_add_attention: boolean,
  scaling_factor: number(1e-6, 1e6),
  shift_factor: number(-1e6, 1e6),
});

const scheduler = object<SchedulerConfig>({
  use_dynamic_shifting: boolean,
  shift: number(1e-6, 1e6),
  base_image_seq_len: integer(1, 1 << 24),
  max_image_seq_len: integer(1, 1 << 24),
  base_shift: number(-1e3, 1e3),
  max_shift: number(-1e3, 1e3),
});

export const modelConfig = object<ModelConfig>({ transformer, text_encoder: clip, text_encoder_2: t5, vae, scheduler });

/** Refuses networks that do not fit together. */
export function assertConfig({ transformer: dit, text_encoder, text_encoder_2, vae: decoder }: ModelConfig): void {
  const rotary = dit.axes_dims_rope.reduce((sum, dims) => sum + dims, 0);
  if (rotary !== dit.attention_head_dim || dit.axes_dims_rope.some((dims) => dims % 2 !== 0)) {
    throw refusal(
      'config.transformer.axes_dims_rope',
      `three even numbers that sum to ${dit.attention_head_dim}`,
      `[${dit.axes_dims_rope}]`,
    );
  }
  if (text_encoder.hidden_size % text_encoder.num_attention_heads !== 0) {
    throw refusal(
      'config.text_encoder.hidden_size',
      `a multiple of ${text_encoder.num_attention_heads} heads`,
      text_encoder.hidden_size,
    );
  }
  agree('config.text_encoder.hidden_size', dit.pooled_projection_dim, text_encoder.hidden_size);
  agree('config.text_encoder_2.d_model', dit.joint_attention_dim, text_encoder_2.d_model);
  agree('config.vae.latent_channels', dit.in_channels / 4, decoder.latent_channels);
  for (const channels of decoder.block_out_channels) {
    if (channels % decoder.norm_num_groups !== 0) {
      throw refusal('config.vae.block_out_channels', `multiples of ${decoder.norm_num_groups} groups`, channels);
    }
  }
}

function agree(field: string, expected: number, got: number): void {
  if (got !== expected) throw refusal(field, `${expected} as config.transformer says`, got);
}
