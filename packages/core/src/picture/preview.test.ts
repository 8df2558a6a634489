import { describe, expect, it } from 'vitest';
import { packLatents } from './latents.ts';
import { FLUX_PREVIEW, previewRgba } from './preview.ts';

const grid = { height: 2, width: 4 };

describe('previewRgba', () => {
  it('shows the bias where latents are zero', () => {
    // 255·(bias/2 + 1/2), rounded
    const grey = [123, 118, 117, 255];
    const rgba = previewRgba(new Float32Array(2 * 64), grid);
    expect(rgba).toHaveLength(2 * 4 * 4);
    for (let i = 0; i < 8; i++) expect([...rgba.subarray(i * 4, i * 4 + 4)]).toEqual(grey);
  });

  it('puts each latent cell where it belongs and weighs its channel', () => {
    const latentImage = new Float32Array(16 * 8);
    latentImage[13 * 8 + 6] = 2; // channel 13, row 1, column 2
    const rgba = previewRgba(packLatents(latentImage, 16, grid), grid);
    // 255·((−0.0329 + 2·−0.1264)/2 + 1/2), …
    expect([...rgba.subarray(6 * 4, 6 * 4 + 3)]).toEqual([91, 105, 89]);
    expect([...rgba.subarray(5 * 4, 5 * 4 + 3)]).toEqual([123, 118, 117]);
  });

  it('takes the factors of another VAE', () => {
    const factors = { rows: Array.from({ length: 16 }, () => [0, 0, 0] as const), bias: [1, 0, -1] as const };
    expect([...previewRgba(new Float32Array(128), grid, factors).subarray(0, 4)]).toEqual([255, 128, 0, 255]);
  });

  it('has a row of factors for each of the 16 channels', () => {
    expect(FLUX_PREVIEW.rows).toHaveLength(16);
  });
});
