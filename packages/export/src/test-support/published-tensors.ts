import { readFileSync } from 'node:fs';

/**
 * The tensors of FLUX.1 [dev]'s published checkpoints: Black Forest Labs' names, and diffusers'
 * beside them.
 */

interface TransformerTensor {
  readonly shape: number[];
  /** The tensors of diffusers that hold it: each takes the rows from the first up to the second. */
  readonly diffusers: readonly { name: string; rows: [number, number]; swap_halves?: boolean }[];
}

interface AutoencoderTensor {
  readonly shape: number[];
  readonly diffusers: string;
  readonly diffusers_shape: number[];
}

export const PUBLISHED_TRANSFORMER = read<TransformerTensor>('flux1-transformer.json');
export const PUBLISHED_AUTOENCODER = read<AutoencoderTensor>('flux1-autoencoder.json');

function read<Tensor>(file: string): Readonly<Record<string, Tensor>> {
  const path = new URL(`../../../../test/fixtures/checkpoints/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { tensors: Record<string, Tensor> }).tensors;
}
