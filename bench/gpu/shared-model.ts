import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BundlePart,
  FLUX1_DEV,
  type Manifest,
  type ModelConfig,
  modelParts,
  type WeightClass,
} from '@flux-srpo/core';
import { synthesizeBundle } from '@flux-srpo/export';
import { bundleFolder } from '@flux-srpo/export/node';

/** FLUX.1 [dev], narrow, for a machine without a GPU. With fewer blocks none would be streamed. */
export const SMALL: ModelConfig = {
  ...FLUX1_DEV,
  transformer: {
    ...FLUX1_DEV.transformer,
    num_layers: 8,
    num_single_layers: 8,
    num_attention_heads: 2,
    joint_attention_dim: 256,
    pooled_projection_dim: 64,
  },
  text_encoder: {
    ...FLUX1_DEV.text_encoder,
    hidden_size: 64,
    intermediate_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 2,
  },
  text_encoder_2: { ...FLUX1_DEV.text_encoder_2, d_model: 256, d_ff: 512, num_layers: 2, num_heads: 4 },
  vae: { ...FLUX1_DEV.vae, block_out_channels: [32, 32, 32, 32] },
};

/**
 * Writes a bundle of this shape into a folder, with random weights of a fixed seed. All parts of a
 * kind (all double blocks, say) name one file, so that 12 billion weights are made in seconds. On
 * the device each part has weights of its own, as in any bundle.
 */
export async function writeSharedModel(config: ModelConfig, dtype: WeightClass, folder: string): Promise<void> {
  const one = (count: number): number => Math.min(1, count);
  const firsts: ModelConfig = {
    ...config,
    transformer: {
      ...config.transformer,
      num_layers: one(config.transformer.num_layers),
      num_single_layers: one(config.transformer.num_single_layers),
    },
    text_encoder: { ...config.text_encoder, num_hidden_layers: one(config.text_encoder.num_hidden_layers) },
    text_encoder_2: { ...config.text_encoder_2, num_layers: one(config.text_encoder_2.num_layers) },
  };
  const { manifest } = await synthesizeBundle(firsts, await bundleFolder(folder), { dtype });
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(repeated(manifest, config)));
}

/** The same files for a model with more parts of each kind. */
function repeated({ synthetic: _, ...manifest }: Manifest, config: ModelConfig): Manifest {
  const firsts = new Map(manifest.parts.map((part) => [kindOf(part.name), part]));
  const parts = modelParts(config).flatMap(({ name }): BundlePart[] => {
    const first = firsts.get(name) ?? firsts.get(kindOf(name));
    return first === undefined ? [] : [{ ...first, name }];
  });
  return { ...manifest, config, parts };
}

/** `double_block.3` and `double_block.0` are of a kind; levels of the decoder differ. */
function kindOf(part: string): string {
  return part.startsWith('vae_') ? part : part.replace(/\.\d+/, '.*');
}
