import { FLUX_PREVIEW, type ImageSize, latentGrid, type Manifest, predictX0, previewRgba } from '@flux-srpo/core';

/** A small picture of what is being drawn: one pixel per latent cell. */
export interface Preview {
  /** Which picture of the request, from 0. */
  image: number;
  /** The step that has just been computed, from 0. */
  step: number;
  width: number;
  height: number;
  /** [height, width, 4] */
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** A moment of the denoising loop. */
export interface Moment {
  step: number;
  sigma: number;
  /** One per picture, [S_img, 64]. */
  latents: readonly Float32Array[];
  velocities: readonly Float32Array[];
}

/** Each picture as this step alone predicts it. */
export function previews(manifest: Manifest, size: ImageSize, { step, sigma, latents, velocities }: Moment): Preview[] {
  const factors = manifest.preview ?? FLUX_PREVIEW;
  const grid = latentGrid(size);
  return latents.map((x, image) => {
    const rgba = previewRgba(predictX0(x, velocities[image] as Float32Array, sigma), grid, factors);
    return { image, step, ...grid, rgba };
  });
}
