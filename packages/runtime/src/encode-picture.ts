import type { Acceleration } from '@flux-srpo/core';
import { encodePng } from '@flux-srpo/formats';
import type { Bundle } from './bundle/bundle.ts';
import type { GenerateResult } from './generation/contract.ts';
import type { GeneratedImage } from './generation/picture.ts';

/** What made a picture, as it is written into its PNG. */
export interface PictureSettings {
  prompt: string;
  steps: number;
  /** Absent where the model has no input for it. */
  guidance?: number;
  /** Absent where every step was computed. */
  acceleration?: Exclude<Acceleration, 'none'>;
  seed: number;
  /** Which picture of the batch this is; all share the seed. */
  index: number;
  n: number;
  width: number;
  height: number;
  maxSequenceLength: number;
  model: string;
  /** Its name for people, as its manifest has it. */
  modelName: string;
  /** SHA-256 of the bundle's manifest. */
  bundle: string;
  sampler: 'euler';
  /** Where the noise comes from: torch's CPU generator, bit for bit. */
  rng: 'torch-cpu';
}

export function pictureSettings(result: GenerateResult, index: number, bundle: Bundle): PictureSettings {
  const { prompt, steps, guidance, acceleration, seed, n, size, maxSequenceLength } = result.request;
  return {
    prompt,
    steps,
    ...(bundle.manifest.config.transformer.guidance_embeds && { guidance }),
    ...(acceleration !== 'none' && { acceleration }),
    seed,
    index,
    n,
    width: size.width,
    height: size.height,
    maxSequenceLength,
    model: bundle.manifest.model,
    modelName: bundle.manifest.name,
    bundle: bundle.identity,
    sampler: 'euler',
    rng: 'torch-cpu',
  };
}

/**
 * A PNG that says how it was made: the `parameters` text that A1111 and its relatives read, and the
 * same as JSON under `flux-srpo`. The same picture and settings give the same bytes.
 */
export function encodePicture(image: GeneratedImage, settings: PictureSettings): Uint8Array {
  const { prompt, steps, guidance, seed, width, height, modelName, bundle } = settings;
  const fields = [
    `Steps: ${steps}`,
    'Sampler: Euler',
    'CFG scale: 1',
    ...(guidance === undefined ? [] : [`Distilled CFG Scale: ${guidance}`]),
    `Seed: ${seed}`,
    `Size: ${width}x${height}`,
    `Model: ${quoted(modelName)}`,
    `Model hash: ${bundle.slice(0, 10)}`,
  ];
  return encodePng(image, { parameters: `${prompt}\n${fields.join(', ')}`, 'flux-srpo': JSON.stringify(settings) });
}

/**
 * A value of the `parameters` text, in which commas and colons separate fields.
 * @see https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/infotext_utils.py `quote`
 */
function quoted(text: string): string {
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text;
}
