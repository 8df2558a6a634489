import { LIMITS, SIZE_PRESETS, type SizePreset } from '../limits.ts';
import { type ImageSize, PIXELS_PER_TOKEN } from '../picture/geometry.ts';
import { integer, number, object, oneOf, such } from '../strict.ts';
import type { Manifest } from './manifest.ts';

/** Readers of what a bundle, or a recipe of one, says about requests to it. */

const side = such(
  integer(...LIMITS.side),
  `a multiple of ${PIXELS_PER_TOKEN}`,
  (pixels) => pixels % PIXELS_PER_TOKEN === 0,
);
const size = object<ImageSize>({ width: side, height: side });

export const presetSizes = object<Record<SizePreset, ImageSize>>({
  square_hd: size,
  square: size,
  portrait_4_3: size,
  portrait_16_9: size,
  landscape_4_3: size,
  landscape_16_9: size,
});

export const requestDefaults = object<Manifest['defaults']>({
  size: oneOf<SizePreset>(...SIZE_PRESETS),
  num_inference_steps: integer(...LIMITS.num_inference_steps),
  guidance_scale: number(...LIMITS.guidance_scale),
});
