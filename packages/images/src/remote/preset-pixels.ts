import type { ImageSize, SizePreset } from '@flux-srpo/core';

/**
 * The preset names in pixels, for services that know pixels only.
 * @see https://docs.fal.ai/documentation/model-apis/model-arguments (read 2026-11-22)
 */
export const PRESET_PIXELS: Readonly<Record<SizePreset, ImageSize>> = {
  square_hd: { width: 1024, height: 1024 },
  square: { width: 512, height: 512 },
  portrait_4_3: { width: 768, height: 1024 },
  portrait_16_9: { width: 576, height: 1024 },
  landscape_4_3: { width: 1024, height: 768 },
  landscape_16_9: { width: 1024, height: 576 },
};
