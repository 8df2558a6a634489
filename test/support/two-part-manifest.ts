import { FLUX1_DEV, type Manifest } from '@flux-srpo/core';

/** What memory is planned from: FLUX.1 [dev] in float32, in two parts of so many bytes. */
export function twoPartManifest(denoiser: number, vae: number): Manifest {
  return {
    config: FLUX1_DEV,
    tokenizers: { tokenizer: { folder: 't', max_length: 77 }, tokenizer_2: { folder: 't2', max_length: 512 } },
    sizes: { square: { width: 512, height: 512 } },
    defaults: { size: 'square' },
    quantization: { recipe: { transformer: 'f32' }, fallbacks: [] },
    parts: [
      { name: 'double_block.0', graph: 'double_block', weights: 'weights/double' },
      { name: 'vae_in', graph: 'vae_in', weights: 'weights/vae' },
    ],
    files: [
      { path: 'weights/double', size: denoiser },
      { path: 'weights/vae', size: vae },
    ],
  } as unknown as Manifest;
}
