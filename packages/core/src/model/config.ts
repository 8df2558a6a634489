/**
 * The shapes of the networks, a flat record each, named as in diffusers' and transformers' configs.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/transformers/transformer_flux.py
 */

export interface TransformerConfig {
  /** Channels of one packed token: 16 latent channels × 2 × 2. */
  in_channels: number;
  /** Double-stream blocks (19 in FLUX.1). */
  num_layers: number;
  /** Single-stream blocks (38 in FLUX.1). */
  num_single_layers: number;
  attention_head_dim: number;
  num_attention_heads: number;
  /** Width of the T5 embedding. */
  joint_attention_dim: number;
  /** Width of the pooled CLIP embedding. */
  pooled_projection_dim: number;
  guidance_embeds: boolean;
  /** Rotary dimensions per position axis (unused, row, column); sums to attention_head_dim. */
  axes_dims_rope: readonly [number, number, number];
}

export interface T5Config {
  vocab_size: number;
  d_model: number;
  d_kv: number;
  d_ff: number;
  num_layers: number;
  num_heads: number;
  relative_attention_num_buckets: number;
  relative_attention_max_distance: number;
  layer_norm_epsilon: number;
  /** The gate's activation; FLUX's T5 v1.1 uses the tanh GELU. */
  dense_act_fn: 'gelu_new';
}

export interface ClipConfig {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  max_position_embeddings: number;
  layer_norm_eps: number;
  hidden_act: 'quick_gelu' | 'gelu';
  /** First position of this id is where the pooled embedding is read. */
  eos_token_id: number;
}

export interface VaeConfig {
  latent_channels: number;
  /** Encoder order, as in diffusers; the decoder runs it backwards. */
  block_out_channels: readonly number[];
  layers_per_block: number;
  norm_num_groups: number;
  mid_block_add_attention: boolean;
  scaling_factor: number;
  shift_factor: number;
}

export interface SchedulerConfig {
  use_dynamic_shifting: boolean;
  /** Used only without dynamic shifting. */
  shift: number;
  base_image_seq_len: number;
  max_image_seq_len: number;
  base_shift: number;
  max_shift: number;
}

export interface ModelConfig {
  transformer: TransformerConfig;
  text_encoder: ClipConfig;
  text_encoder_2: T5Config;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
}

/** Width of the residual stream. */
export function hiddenSize(config: TransformerConfig): number {
  return config.attention_head_dim * config.num_attention_heads;
}

/** Channels of the decoder's levels in run order. */
export function decoderChannels(config: VaeConfig): number[] {
  return [...config.block_out_channels].reverse();
}
