import { checkPicture, type ImageSize, toRgb8 } from '@flux-srpo/core';

export interface GeneratedImage {
  width: number;
  height: number;
  /** [H, W, 3] */
  rgb: Uint8Array;
}

/** Clamps the decoder's [3, H, W] in about [−1, 1] to bytes. Refuses what cannot be a picture. */
export function toPicture(planar: Float32Array, size: ImageSize): GeneratedImage {
  checkPicture(planar);
  return { ...size, rgb: toRgb8(planar, size) };
}
