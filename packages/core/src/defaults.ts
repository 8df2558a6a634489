import type { SizePreset } from './limits.ts';
import type { ImageSize } from './picture/geometry.ts';

/** What a request for FLUX.1 SRPO leaves out. A bundle may say otherwise for its own model. */
export const FLUX_SRPO_DEFAULTS = {
  size: 'landscape_4_3',
  num_inference_steps: 28,
  guidance_scale: 4.5,
} as const;

/**
 * The pixels of each named size. A bundle may say otherwise for its own model.
 * @see https://docs.fal.ai/documentation/model-apis/model-arguments (read 2026-11-22)
 */
export const FLUX_SRPO_SIZES: Readonly<Record<SizePreset, ImageSize>> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
};
