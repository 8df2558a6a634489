import type { WeightClass } from 'flux-srpo';

/**
 * What there is to choose, in words. Sizes are of FLUX.1's shape with both text encoders; decibels are the embedded model's pictures
 * beside those from float32 (SPEED.md, "Quantization").
 */
export const WEIGHT_CLASSES: Readonly<Record<WeightClass, { label: string; note: string }>> = {
  q4m: {
    label: '4 bits with offsets (recommended)',
    note: 'FLUX.1 takes about 10.4 GB. Pictures follow the prompt as before and differ in detail: 36.5 dB from the original on this page’s own model.',
  },
  q4: {
    label: '4 bits',
    note: 'FLUX.1 takes about 10.4 GB. A little less exact (35.1 dB) and a little less work for the GPU; keeps a GGUF file in Q4_0 to the bit.',
  },
  q8: {
    label: '8 bits',
    note: 'FLUX.1 takes about 18.1 GB. Pictures can hardly be told from the original: 54.4 dB on this page’s own model. Keeps Q8_0 to the bit.',
  },
  f16: {
    label: '16 bits',
    note: 'FLUX.1 takes about 33.7 GB. Weights are rounded to half precision, no more; three times the reading of 4 bits at each step.',
  },
  f32: {
    label: '32 bits',
    note: 'FLUX.1 takes about 67.3 GB. Nothing is rounded. For comparisons; few machines can run it.',
  },
};
