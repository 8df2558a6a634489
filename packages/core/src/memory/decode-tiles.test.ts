import { describe, expect, it } from 'vitest';
import { decodeTiles, tileBlend, tileStride } from './decode-tiles.ts';

describe('tiles of a decode', () => {
  it('are those of diffusers for 1024x1024 at 64 latents', () => {
    // Oracle: the loops of AutoencoderKL.tiled_decode with tile_latent_min_size 64 and
    // tile_overlap_factor 0.25.
    expect([tileStride(64), tileBlend(64)]).toEqual([48, 128]);
    const rows = decodeTiles({ height: 128, width: 128 }, 64);
    expect(rows.map(([first]) => first?.top)).toEqual([0, 48, 96]);
    expect(rows[2]?.map(({ left, height, width }) => [left, height, width])).toEqual([
      [0, 32, 64],
      [48, 32, 64],
      [96, 32, 32],
    ]);
  });

  it('cover every latent, overlap by a quarter, and have even sides that divide by four together', () => {
    for (const tile of [8, 16, 32, 64]) {
      for (let height = 2; height <= 150; height += 2) {
        const rows = decodeTiles({ height, width: 10 }, tile);
        let covered = 0;
        for (const [i, [first]] of rows.entries()) {
          const { top, height: own, width } = first as (typeof rows)[number][number];
          expect(top).toBe(i * tileStride(tile));
          expect(top).toBeLessThanOrEqual(covered);
          covered = Math.max(covered, top + own);
          expect((own * width) % 4).toBe(0);
        }
        expect(covered).toBe(height);
      }
    }
  });
});
