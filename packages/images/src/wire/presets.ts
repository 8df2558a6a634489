import type { SizePreset } from '@flux-srpo/core';

/** The preset names of the endpoint; how many pixels each has, the model says. */
export const PRESETS: readonly SizePreset[] = [
  'square_hd',
  'square',
  'portrait_4_3',
  'portrait_16_9',
  'landscape_4_3',
  'landscape_16_9',
];

export function isPreset(size: string): size is SizePreset {
  return (PRESETS as readonly string[]).includes(size);
}
