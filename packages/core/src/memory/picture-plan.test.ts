import { describe, expect, it } from 'vitest';
import type { Manifest } from '../manifest/manifest.ts';
import { FLUX1_DEV } from '../model/flux1-dev.ts';
import { type Means, planPicture, requiredLimits } from './picture-plan.ts';

const SQUARE = { width: 512, height: 512 };
const LARGE = { width: 1024, height: 768 };
const GB = 1e9;

/** FLUX.1 [dev] at 4.5 bits, in three parts of round sizes. */
const MANIFEST = {
  config: FLUX1_DEV,
  tokenizers: { tokenizer: { folder: 't', max_length: 77 }, tokenizer_2: { folder: 't2', max_length: 512 } },
  sizes: {
    square_hd: { width: 1024, height: 1024 },
    square: SQUARE,
    portrait_4_3: { width: 768, height: 1024 },
    portrait_16_9: { width: 576, height: 1024 },
    landscape_4_3: LARGE,
    landscape_16_9: { width: 1024, height: 576 },
  },
  quantization: { recipe: { transformer: 'q4' }, fallbacks: [] },
  parts: [
    { name: 't5_layer.0', graph: 't5_layer', weights: 'weights/t5' },
    { name: 't5_embedding', weights: 'weights/table' },
    { name: 'double_block.0', graph: 'double_block', weights: 'weights/double' },
    { name: 'vae_in', graph: 'vae_in', weights: 'weights/vae' },
  ],
  files: [
    { path: 'weights/t5', size: 3 * GB },
    { path: 'weights/table', size: GB / 4 },
    { path: 'weights/double', size: 5 * GB },
    { path: 'weights/vae', size: GB / 5 },
  ],
} as unknown as Manifest;

function adapter(limit: number): Means['adapter'] {
  return { features: [], limits: { maxBufferSize: 2 ** 33, maxStorageBufferBindingSize: limit } };
}

describe('planPicture', () => {
  it('refuses nothing for the budget that nobody set, and what does not fit into one that somebody did', () => {
    expect(planPicture(MANIFEST, LARGE, {}).refusals).toEqual([]);
    const { refusals } = planPicture(MANIFEST, LARGE, { memoryBudget: GB / 2 });
    expect(refusals.map(({ reason }) => reason)).toContain('budget');
  });
});

describe('requiredLimits', () => {
  it('asks an adapter for the smallest preset, and larger pictures are refused by name', () => {
    const needed = requiredLimits(MANIFEST).maxStorageBufferBindingSize as number;
    // What does not depend on the picture, T5's position bias of 512 tokens, and the decoder's
    // widest state in its smallest tiles.
    expect(needed).toBe(Math.max(64 * 512 * 512 * 4, 256 * 256 * 256 * 4));
    const means = { adapter: adapter(needed) };
    expect(planPicture(MANIFEST, SQUARE, means).refusals).toEqual([]);
    expect(planPicture(MANIFEST, LARGE, means).refusals[0]?.message).toContain('1024x768');
  });
});
