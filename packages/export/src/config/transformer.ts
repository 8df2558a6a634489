import type { TransformerConfig } from '@flux-srpo/core';
import type { ConfigFields } from './fields.ts';

/**
 * `transformer/config.json` of a FluxTransformer2DModel. Fields that FLUX.1's own file leaves out
 * take diffusers' defaults.
 *
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/transformers/transformer_flux.py
 */
export function readTransformerConfig(fields: ConfigFields): TransformerConfig {
  fields.oneOf('_class_name', ['FluxTransformer2DModel'], 'FluxTransformer2DModel');
  fields.oneOf('patch_size', [1], 1);
  const inChannels = fields.dimension('in_channels');
  // Control and Fill transformers read more channels than they write; the sampler here feeds one
  // latent image.
  fields.oneOf('out_channels', [null, inChannels], null);
  const headDim = fields.dimension('attention_head_dim');
  const axes = fields.dimensions('axes_dims_rope', [16, 56, 56]);
  const [unused, rows, columns] = axes;
  if (axes.length !== 3 || axes.some((axis) => axis % 2 !== 0) || unused! + rows! + columns! !== headDim) {
    fields.refuse('axes_dims_rope', `three even numbers that sum to attention_head_dim ${headDim}`, axes);
  }
  return {
    in_channels: inChannels,
    num_layers: fields.count('num_layers', 0),
    num_single_layers: fields.count('num_single_layers', 0),
    attention_head_dim: headDim,
    num_attention_heads: fields.count('num_attention_heads'),
    joint_attention_dim: fields.dimension('joint_attention_dim'),
    pooled_projection_dim: fields.dimension('pooled_projection_dim'),
    guidance_embeds: fields.boolean('guidance_embeds', false),
    axes_dims_rope: [unused!, rows!, columns!],
  };
}
