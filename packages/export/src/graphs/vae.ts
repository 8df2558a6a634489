import { decoderChannels, VAE_QUERY_CHUNKS, type VaeConfig } from '@flux-srpo/core';
import type { GraphBuilder } from './graph-builder.ts';
import type { Dim, Value } from './node-builder.ts';
import { add, silu } from './ops.ts';

/*
 * The autoencoder's decoder in stages: between them come cancels and progress, and each stage's
 * weights can be freed.
 * @see https://github.com/huggingface/diffusers/blob/58eb52c0/src/diffusers/models/autoencoders/vae.py `Decoder`
 */

const EPSILON = 1e-6;

/**
 * GroupNorm as InstanceNormalization over [1, groups, C/groups·h, w], because the web runtime has
 * no GroupNorm kernel. The affine is applied per channel afterwards.
 */
function groupNorm(g: GraphBuilder, name: string, x: Value, groups: number): Value {
  const [, channels, height, width] = x.dims as [Dim, number, Dim, Dim];
  const ones = g.constant('group_ones', 'float32', [groups], new Array<number>(groups).fill(1));
  const zeros = g.constant('group_zeros', 'float32', [groups], new Array<number>(groups).fill(0));
  const rows = `${channels / groups}·${height}`;
  const grouped = g.reshape(x, [0, groups, -1, 0], [1, groups, rows, width]);
  const normed = g.node('InstanceNormalization', [grouped, ones, zeros], grouped.dims, { epsilon: EPSILON });
  const restored = g.reshape(normed, [0, channels, -1, 0], x.dims);
  const scaled = g.node('Mul', [restored, g.plain(`${name}.scale`, [channels, 1, 1], 'norm')], x.dims);
  return add(g, scaled, g.plain(`${name}.bias`, [channels, 1, 1], 'norm'));
}

function conv(g: GraphBuilder, name: string, x: Value, channels: number, kernel: 1 | 3): Value {
  const [batch, inner, height, width] = x.dims as [Dim, number, Dim, Dim];
  const weight = g.plain(`${name}.weight`, [channels, inner, kernel, kernel], 'vae');
  const bias = g.plain(`${name}.bias`, [channels], 'bias');
  const pad = kernel === 3 ? 1 : 0;
  return g.node('Conv', [x, weight, bias], [batch, channels, height, width], {
    kernel_shape: [kernel, kernel],
    pads: [pad, pad, pad, pad],
  });
}

function resBlock(g: GraphBuilder, name: string, x: Value, channels: number, groups: number): Value {
  let h = conv(g, `${name}.conv1`, silu(g, groupNorm(g, `${name}.norm1`, x, groups)), channels, 3);
  h = conv(g, `${name}.conv2`, silu(g, groupNorm(g, `${name}.norm2`, h, groups)), channels, 3);
  const skip = x.dims[1] === channels ? x : conv(g, `${name}.shortcut`, x, channels, 1);
  return add(g, skip, h);
}

/** One head over all pixels of the latents, as plain MatMul and Softmax, some queries at a time. */
function midAttention(g: GraphBuilder, name: string, x: Value, groups: number): Value {
  const [, channels, height, width] = x.dims as [Dim, number, Dim, Dim];
  const pixels = `${height}·${width}`;
  const flat = g.reshape(groupNorm(g, `${name}.norm`, x, groups), [0, channels, -1], [1, channels, pixels]);
  const tokens = g.node('Transpose', [flat], [1, pixels, channels], { perm: [0, 2, 1] });
  const linear = (part: string, value: Value) => g.linear(`${name}.${part}`, value, channels, { tensorClass: 'vae' });
  const scale = g.constant('attention_scale', 'float32', [1], [1 / Math.sqrt(channels)]);
  const q = g.node('Mul', [linear('q', tokens), scale], tokens.dims);
  const k = g.node('Transpose', [linear('k', tokens)], [1, channels, pixels], { perm: [0, 2, 1] });
  const v = linear('v', tokens);
  const piece = [1, `${pixels}/${VAE_QUERY_CHUNKS}`, channels];
  const pieces = Array.from({ length: VAE_QUERY_CHUNKS }, () => piece);
  const attended = g.nodes('Split', [q], pieces, { axis: 1, num_outputs: VAE_QUERY_CHUNKS }).map((queries) => {
    const scores = g.node('MatMul', [queries, k], [1, piece[1] as Dim, pixels]);
    const weights = g.node('Softmax', [scores], scores.dims, { axis: -1 });
    return g.node('MatMul', [weights, v], piece);
  });
  const mixed = linear('out', g.node('Concat', attended, tokens.dims, { axis: 1 }));
  const channelsFirst = g.node('Transpose', [mixed], [1, channels, pixels], { perm: [0, 2, 1] });
  const shape = g.node('Shape', [x], [4]);
  return add(g, x, g.node('Reshape', [channelsFirst, shape], x.dims));
}

export function vaeIn(g: GraphBuilder, config: VaeConfig): void {
  const top = decoderChannels(config)[0] as number;
  const groups = config.norm_num_groups;
  const latents = g.input('latents', [1, config.latent_channels, 'h', 'w']);
  let x = resBlock(g, 'mid.res_0', conv(g, 'conv_in', latents, top, 3), top, groups);
  if (config.mid_block_add_attention) x = midAttention(g, 'mid.attn', x, groups);
  g.output('hidden', resBlock(g, 'mid.res_1', x, top, groups));
}

/** A level: layers_per_block + 1 residual blocks, then twice the size, except at the last. */
export function vaeUp(g: GraphBuilder, config: VaeConfig, level: number): void {
  const channels = decoderChannels(config);
  const out = channels[level] as number;
  let x: Value = g.input('hidden', [1, channels[Math.max(0, level - 1)] as number, 'h', 'w']);
  for (let j = 0; j <= config.layers_per_block; j++) x = resBlock(g, `res_${j}`, x, out, config.norm_num_groups);
  if (level < channels.length - 1) {
    const scales = g.constant('resize_scales', 'float32', [4], [1, 1, 2, 2]);
    const larger = g.node('Resize', [x, '', scales], [1, out, 'h_out', 'w_out'], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    });
    x = conv(g, 'upsample', larger, out, 3);
  }
  g.output('hidden_out', x);
}

export function vaeOut(g: GraphBuilder, config: VaeConfig): void {
  const bottom = decoderChannels(config).at(-1) as number;
  const hidden = g.input('hidden', [1, bottom, 'H', 'W']);
  const activated = silu(g, groupNorm(g, 'norm_out', hidden, config.norm_num_groups));
  g.output('image', conv(g, 'conv_out', activated, 3, 3));
}
