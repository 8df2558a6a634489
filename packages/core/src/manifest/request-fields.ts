import { LIMITS, SIZE_PRESETS, type SizePreset } from '../limits.ts';
import { type ImageSize, PIXELS_PER_TOKEN } from '../picture/geometry.ts';
import { type Fields, integer, number, object, oneOf, such } from '../strict/index.ts';
import type { Manifest } from './manifest.ts';

/** Readers of what a bundle, or a recipe of one, says about requests to it. */

const side = such(integer(...LIMITS.side), `a multiple of ${PIXELS_PER_TOKEN}`, (px) => px % PIXELS_PER_TOKEN === 0);
const size = object<ImageSize>({ width: side, height: side });

export const presetSizes = object<Record<SizePreset, ImageSize>>(
  Object.fromEntries(SIZE_PRESETS.map((name) => [name, size])) as Fields<Record<SizePreset, ImageSize>>,
);

export const requestDefaults = object<Manifest['defaults']>({
  size: oneOf(...SIZE_PRESETS),
  num_inference_steps: integer(...LIMITS.num_inference_steps),
  guidance_scale: number(...LIMITS.guidance_scale),
});
