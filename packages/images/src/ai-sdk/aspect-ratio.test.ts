import { describe, expect, it } from 'vitest';
import { sizeForRatio } from './aspect-ratio.ts';

/** The table of the hosted endpoint. */
const MODEL = {
  sizes: {
    square_hd: { width: 1024, height: 1024 },
    square: { width: 512, height: 512 },
    portrait_4_3: { width: 768, height: 1024 },
    portrait_16_9: { width: 576, height: 1024 },
    landscape_4_3: { width: 1024, height: 768 },
    landscape_16_9: { width: 1024, height: 576 },
  },
  defaults: { size: 'landscape_4_3', num_inference_steps: 28, guidance_scale: 4.5 },
} as const;

describe('sizeForRatio', () => {
  it.each([
    ['4:3', { width: 1024, height: 768 }],
    ['16:9', { width: 1024, height: 576 }],
    ['9:16', { width: 576, height: 1024 }],
    ['32:18', { width: 1024, height: 576 }],
    // 1024² is 4/3 of the default's area, 512² a third of it.
    ['1:1', { width: 1024, height: 1024 }],
  ])('%s is a preset', (ratio, size) => {
    expect(sizeForRatio(ratio, MODEL)).toEqual(size);
  });

  it.each([
    // 3k · 2k = 1024 · 768 / 16² = 3072 at k = 22.6; 23 is nearer.
    ['3:2', { width: 1104, height: 736 }],
    ['2:3', { width: 736, height: 1104 }],
    ['21:9', { width: 1344, height: 576 }],
    ['64:63', { width: 1024, height: 1008 }],
  ])('%s is exact in multiples of 16, near the default area', (ratio, size) => {
    expect(sizeForRatio(ratio, MODEL)).toEqual(size);
  });

  it.each(['65:64', '9999:1', '257:1', '0:1', '1:0', '1.5:1', '16/9', '', '-4:3', '16:9:1'])(
    'there is none for "%s"',
    (ratio) => {
      expect(sizeForRatio(ratio, MODEL)).toBeUndefined();
    },
  );
});
