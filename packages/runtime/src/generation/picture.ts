import { checkPicture, type ImageSize, toRgb8 } from '@flux-srpo/core';

export interface GeneratedImage {
  width: number;
  height: number;
  /** [H, W, 3] */
  rgb: Uint8Array;
}

/**
 * What the decoder gave as bytes. Rejects numbers that cannot be a picture.
 *
 * @param planar [3, H, W], nominally in [−1, 1]; clamped
 */
export function toPicture(planar: Float32Array, size: ImageSize): GeneratedImage {
  checkPicture(planar);
  return { ...size, rgb: toRgb8(planar, size) };
}
