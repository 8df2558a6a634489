import type { Grid } from './geometry.ts';
import { unpackLatents } from './latents.ts';
import { toByte } from './pixels.ts';

/** A linear map from latent channels to colour: rgb = Σ_c z_c·rows[c] + bias, in [−1, 1]. */
export interface PreviewFactors {
  /** `[C][3]` */
  rows: readonly (readonly [number, number, number])[];
  bias: readonly [number, number, number];
}

/**
 * Fitted to FLUX.1's VAE.
 * @see https://github.com/Comfy-Org/ComfyUI/blob/a125cd84/comfy/latent_formats.py `Flux`
 */
export const FLUX_PREVIEW: PreviewFactors = {
  rows: [
    [-0.0346, 0.0244, 0.0681],
    [0.0034, 0.021, 0.0687],
    [0.0275, -0.0668, -0.0433],
    [-0.0174, 0.016, 0.0617],
    [0.0859, 0.0721, 0.0329],
    [0.0004, 0.0383, 0.0115],
    [0.0405, 0.0861, 0.0915],
    [-0.0236, -0.0185, -0.0259],
    [-0.0245, 0.025, 0.118],
    [0.1008, 0.0755, -0.0421],
    [-0.0515, 0.0201, 0.0011],
    [0.0428, -0.0012, -0.0036],
    [0.0817, 0.0765, 0.0749],
    [-0.1264, -0.0522, -0.1103],
    [-0.028, -0.0881, -0.0499],
    [-0.1262, -0.0982, -0.0778],
  ],
  bias: [-0.0329, -0.0718, -0.0851],
};

/**
 * A rough picture without the VAE, one pixel per latent cell.
 * @param x0 `[S_img, C·4]`, the predicted picture (`predictX0`), packed
 * @param grid latent cells h and w
 * @returns `[h, w, 4]`, opaque
 */
export function previewRgba(x0: Float32Array, grid: Grid, factors = FLUX_PREVIEW): Uint8ClampedArray<ArrayBuffer> {
  const channels = factors.rows.length;
  const latentImage = unpackLatents(x0, channels, grid);
  const cells = grid.height * grid.width;
  const out = new Uint8ClampedArray(4 * cells).fill(255);
  for (let i = 0; i < cells; i++) {
    for (let colour = 0; colour < 3; colour++) {
      let value = factors.bias[colour]!;
      for (let c = 0; c < channels; c++) value += latentImage[c * cells + i]! * factors.rows[c]![colour]!;
      out[i * 4 + colour] = toByte(value);
    }
  }
  return out;
}
