import { type ImageSize, PIXELS_PER_LATENT } from '@flux-srpo/core';
import { encodePng } from '@flux-srpo/formats';
import type { Preview } from '@flux-srpo/runtime';
import { toBase64 } from '../wire/response.ts';

/** Whether the preview after `step` (from 0) of `steps` is among `count` that divide the run evenly. Few steps give fewer. */
export function isPartialStep(step: number, steps: number, count: number): boolean {
  for (let i = 1; i <= count; i++) if (Math.round((i * steps) / (count + 1)) === step + 1) return true;
  return false;
}

/** The preview as it is, one pixel per latent cell: whoever shows it scales it. */
export function previewBase64({ width, height, rgba }: Preview): string {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  return toBase64(encodePng({ width, height, rgb }));
}

/** Size of the picture that a preview is of. */
export function pictureSize({ width, height }: Preview): ImageSize {
  return { width: width * PIXELS_PER_LATENT, height: height * PIXELS_PER_LATENT };
}
