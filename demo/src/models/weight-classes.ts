import type { WeightClass } from 'flux-srpo';

/**
 * The choices in words. Sizes are those of FLUX.1 with both text encoders. Decibels compare the
 * embedded model's pictures with those from float32 (SPEED.md, "Quantization").
 */
export const WEIGHT_CLASSES: Readonly<Record<WeightClass, { label: string; note: string }>> = {
  q4m: {
    label: '4 bits with offsets (recommended)',
    note: 'FLUX.1 takes about 10.4 GB. Pictures differ from the original’s only in detail: 36.5 dB on the embedded model.',
  },
  q4k: {
    label: '4 bits with exact offsets',
    note: 'FLUX.1 takes about 11.3 GB. For GGUF files in Q4_K or Q4_1, whose codes it keeps; other sources gain nothing over the first.',
  },
  q4: {
    label: '4 bits',
    note: 'FLUX.1 takes about 10.4 GB. A little less exact (35.1 dB), a little less work for the GPU. A GGUF file in Q4_0 is stored unchanged.',
  },
  q8: {
    label: '8 bits',
    note: 'FLUX.1 takes about 18.1 GB. Pictures can hardly be told from the original’s: 54.4 dB on the embedded model. A GGUF file in Q8_0 is stored unchanged.',
  },
  f16: {
    label: '16 bits',
    note: 'FLUX.1 takes about 33.7 GB. Weights are only rounded to half precision. Each step reads three times as much as with 4 bits.',
  },
  f32: {
    label: '32 bits',
    note: 'FLUX.1 takes about 67.3 GB. Nothing is rounded. Meant for comparisons: few machines can run it.',
  },
};
