import type { VaeConfig } from '@flux-srpo/core';
import type { ConfigFields } from './fields.ts';

/**
 * `vae/config.json` of an AutoencoderKL, of which only the decoder is used. Missing fields take
 * diffusers' defaults.
 *
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/autoencoders/autoencoder_kl.py
 */
export function readVaeConfig(fields: ConfigFields): VaeConfig {
  fields.oneOf('_class_name', ['AutoencoderKL'], 'AutoencoderKL');
  // diffusers' default is true: a file that does not say has one.
  fields.oneOf('use_post_quant_conv', [false]);
  fields.oneOf('act_fn', ['silu', 'swish'], 'silu');
  fields.oneOf('out_channels', [3], 3);
  fields.oneOf('latents_mean', [null], null);
  fields.oneOf('latents_std', [null], null);
  const channels = fields.dimensions('block_out_channels');
  const groups = fields.dimension('norm_num_groups', 32);
  for (const width of channels) {
    if (width % groups !== 0) fields.refuse('block_out_channels', `multiples of norm_num_groups ${groups}`, channels);
  }
  // A pixel is 8 latent cells wide everywhere in the sampler, so there are four levels.
  if (channels.length !== 4) fields.refuse('block_out_channels', 'four levels', channels);
  fields.listOf('up_block_types', 'UpDecoderBlock2D', channels.length);
  return {
    latent_channels: fields.dimension('latent_channels'),
    block_out_channels: channels,
    layers_per_block: fields.dimension('layers_per_block', 1),
    norm_num_groups: groups,
    mid_block_add_attention: fields.boolean('mid_block_add_attention', true),
    scaling_factor: fields.positive('scaling_factor', 0.18215),
    shift_factor: fields.number('shift_factor'),
  };
}
