import { affine, type KeyRule, layer } from './rules.ts';

function resBlock(part: string, slot: string, from: string): KeyRule[] {
  return [
    ...affine(part, `${slot}.norm1`, `${from}.norm1`),
    ...layer(part, `${slot}.conv1`, `${from}.conv1`),
    ...affine(part, `${slot}.norm2`, `${from}.norm2`),
    ...layer(part, `${slot}.conv2`, `${from}.conv2`),
    ...layer(part, `${slot}.shortcut`, `${from}.conv_shortcut`),
  ];
}

const MID_ATTENTION = 'decoder.mid_block.attentions.0';

/** AutoencoderKL's decoder → parts. */
export const VAE_KEYS: readonly KeyRule[] = [
  ...layer('vae_in', 'conv_in', 'decoder.conv_in'),
  ...resBlock('vae_in', 'mid.res_{j}', 'decoder.mid_block.resnets.{j}'),
  ...affine('vae_in', 'mid.attn.norm', `${MID_ATTENTION}.group_norm`),
  ...layer('vae_in', 'mid.attn.q', `${MID_ATTENTION}.to_q`),
  ...layer('vae_in', 'mid.attn.k', `${MID_ATTENTION}.to_k`),
  ...layer('vae_in', 'mid.attn.v', `${MID_ATTENTION}.to_v`),
  ...layer('vae_in', 'mid.attn.out', `${MID_ATTENTION}.to_out.0`),
  ...resBlock('vae_up.{i}', 'res_{j}', 'decoder.up_blocks.{i}.resnets.{j}'),
  ...layer('vae_up.{i}', 'upsample', 'decoder.up_blocks.{i}.upsamplers.0.conv'),
  ...affine('vae_out', 'norm_out', 'decoder.conv_norm_out'),
  ...layer('vae_out', 'conv_out', 'decoder.conv_out'),
];
