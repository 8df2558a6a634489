import { FLUX1_DEV, type ModelConfig } from '@flux-srpo/core';
import { synthesizeBundle } from '@flux-srpo/export';
import { bundleFolder } from '@flux-srpo/export/node';

/** FLUX.1's width with few blocks and small vocabularies: only blocks are measured. */
const FEW_BLOCKS: ModelConfig = {
  ...FLUX1_DEV,
  transformer: { ...FLUX1_DEV.transformer, num_layers: 2, num_single_layers: 4 },
  text_encoder: { ...FLUX1_DEV.text_encoder, num_hidden_layers: 1 },
  text_encoder_2: { ...FLUX1_DEV.text_encoder_2, num_layers: 1, vocab_size: 128 },
};

/** Writes a bundle of random weights in q4: 510 MB of blocks, and what belongs to them. */
export async function writeFewBlocks(folder: string): Promise<void> {
  await synthesizeBundle(FEW_BLOCKS, await bundleFolder(folder), { dtype: 'q4' });
}
