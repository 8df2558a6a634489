import { FLUX1_DEV } from '@flux-srpo/core';
import { describe, expect, it } from 'vitest';
import { jsonBytes, memorySource } from '../test-support/memory.ts';
import { TINY_CONFIGS } from '../test-support/tiny-configs.ts';
import { readModelConfig } from './pipeline.ts';

/**
 * The fields of FLUX.1 [dev]'s files, written by diffusers 0.30 and transformers 4.43: several that
 * later ones write are not there.
 */
const FLUX1_DEV_FILES = {
  'model_index.json': TINY_CONFIGS['model_index.json'],
  'scheduler/scheduler_config.json': {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    base_image_seq_len: 256,
    base_shift: 0.5,
    max_image_seq_len: 4096,
    max_shift: 1.15,
    num_train_timesteps: 1000,
    shift: 3.0,
    use_dynamic_shifting: true,
  },
  'transformer/config.json': {
    _class_name: 'FluxTransformer2DModel',
    attention_head_dim: 128,
    guidance_embeds: true,
    in_channels: 64,
    joint_attention_dim: 4096,
    num_attention_heads: 24,
    num_layers: 19,
    num_single_layers: 38,
    patch_size: 1,
    pooled_projection_dim: 768,
  },
  'text_encoder/config.json': {
    architectures: ['CLIPTextModel'],
    bos_token_id: 0,
    eos_token_id: 2,
    hidden_act: 'quick_gelu',
    hidden_size: 768,
    intermediate_size: 3072,
    layer_norm_eps: 1e-5,
    max_position_embeddings: 77,
    model_type: 'clip_text_model',
    num_attention_heads: 12,
    num_hidden_layers: 12,
    projection_dim: 768,
    vocab_size: 49408,
  },
  'text_encoder_2/config.json': {
    architectures: ['T5EncoderModel'],
    d_ff: 10240,
    d_kv: 64,
    d_model: 4096,
    dense_act_fn: 'gelu_new',
    feed_forward_proj: 'gated-gelu',
    is_encoder_decoder: true,
    is_gated_act: true,
    layer_norm_epsilon: 1e-6,
    model_type: 't5',
    num_heads: 64,
    num_layers: 24,
    relative_attention_max_distance: 128,
    relative_attention_num_buckets: 32,
    vocab_size: 32128,
  },
  'vae/config.json': {
    _class_name: 'AutoencoderKL',
    act_fn: 'silu',
    block_out_channels: [128, 256, 512, 512],
    force_upcast: true,
    latent_channels: 16,
    latents_mean: null,
    latents_std: null,
    layers_per_block: 2,
    mid_block_add_attention: true,
    norm_num_groups: 32,
    out_channels: 3,
    scaling_factor: 0.3611,
    shift_factor: 0.1159,
    up_block_types: ['UpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D'],
    use_post_quant_conv: false,
    use_quant_conv: false,
  },
};

const NO_TENSORS = { transformer: new Map(), text_encoder: new Map(), text_encoder_2: new Map(), vae: new Map() };

describe('the configs of a pipeline folder', () => {
  it('of FLUX.1 [dev] are FLUX.1 [dev]', async () => {
    const files = new Map(Object.entries(FLUX1_DEV_FILES).map(([path, json]) => [path, jsonBytes(json)]));
    expect((await readModelConfig(memorySource(files), 49407, NO_TENSORS)).config).toEqual(FLUX1_DEV);
  });
});
