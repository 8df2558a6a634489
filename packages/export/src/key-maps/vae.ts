import { affine, type KeyRule, layer } from './rules.ts';

function resBlock(part: string, slot: string, from: string, shortcut = 'conv_shortcut'): KeyRule[] {
  return [
    ...affine(part, `${slot}.norm1`, `${from}.norm1`),
    ...layer(part, `${slot}.conv1`, `${from}.conv1`),
    ...affine(part, `${slot}.norm2`, `${from}.norm2`),
    ...layer(part, `${slot}.conv2`, `${from}.conv2`),
    ...layer(part, `${slot}.shortcut`, `${from}.${shortcut}`),
  ];
}

function attention(from: string, names: Record<'q' | 'k' | 'v' | 'out', string>): KeyRule[] {
  return Object.entries(names).flatMap(([slot, name]) => layer('vae_in', `mid.attn.${slot}`, `${from}.${name}`));
}

const MID_ATTENTION = 'decoder.mid_block.attentions.0';

/** AutoencoderKL's decoder → parts. */
export const VAE_KEYS: readonly KeyRule[] = [
  ...layer('vae_in', 'conv_in', 'decoder.conv_in'),
  ...resBlock('vae_in', 'mid.res_{j}', 'decoder.mid_block.resnets.{j}'),
  ...affine('vae_in', 'mid.attn.norm', `${MID_ATTENTION}.group_norm`),
  ...attention(MID_ATTENTION, { q: 'to_q', k: 'to_k', v: 'to_v', out: 'to_out.0' }),
  ...resBlock('vae_up.{i}', 'res_{j}', 'decoder.up_blocks.{i}.resnets.{j}'),
  ...layer('vae_up.{i}', 'upsample', 'decoder.up_blocks.{i}.upsamplers.0.conv'),
  ...affine('vae_out', 'norm_out', 'decoder.conv_norm_out'),
  ...layer('vae_out', 'conv_out', 'decoder.conv_out'),
];

const BFL_MID = 'decoder.mid';
/** BFL counts the decoder's levels from the picture, parts from the latent. */
const BFL_LEVELS = [3, 2, 1, 0];

/**
 * BFL's AutoEncoder → parts; `ae.safetensors` and the VAE of ComfyUI's files.
 * @see https://github.com/black-forest-labs/flux/blob/802fb47/src/flux/modules/autoencoder.py
 */
export const BFL_VAE_KEYS: readonly KeyRule[] = [
  ...layer('vae_in', 'conv_in', 'decoder.conv_in'),
  ...resBlock('vae_in', 'mid.res_0', `${BFL_MID}.block_1`, 'nin_shortcut'),
  ...resBlock('vae_in', 'mid.res_1', `${BFL_MID}.block_2`, 'nin_shortcut'),
  ...affine('vae_in', 'mid.attn.norm', `${BFL_MID}.attn_1.norm`),
  ...attention(`${BFL_MID}.attn_1`, { q: 'q', k: 'k', v: 'v', out: 'proj_out' }),
  ...BFL_LEVELS.flatMap((level, i) => [
    ...resBlock(`vae_up.${i}`, 'res_{j}', `decoder.up.${level}.block.{j}`, 'nin_shortcut'),
    ...layer(`vae_up.${i}`, 'upsample', `decoder.up.${level}.upsample.conv`),
  ]),
  ...affine('vae_out', 'norm_out', 'decoder.norm_out'),
  ...layer('vae_out', 'conv_out', 'decoder.conv_out'),
];
