import type { Brush } from '../brush.ts';
import { type Rgb, WHITE } from '../colour.ts';

export function drawDuck({ turn, colour, round, poly, line, lit, dark, ink, shade, pale }: Brush): void {
  const beak: Rgb = colour === 'orange' || colour === 'red' ? [252, 206, 60] : [246, 128, 28];
  poly(
    [
      [turn * -0.3, 0.3],
      [turn * -0.52, 0.5],
      [turn * -0.44, 0.18],
    ],
    0.03,
    dark,
  );
  round(turn * -0.06, 0.25, 0.42, 0.27, lit(0.5, -0.02));
  round(turn * 0.44, 0.68, 0.12, 0.055, shade(beak));
  round(turn * 0.2, 0.7, 0.24, 0.24, lit(0.94, 0.4));
  round(turn * -0.12, 0.29, 0.21, 0.13, dark, 0.7);
  for (const y of [0.26, 0.33]) line([turn * -0.26, y], [turn * -0.02, y], pale);
  round(turn * 0.27, 0.76, 0.05, 0.06, ink);
  round(turn * 0.285, 0.78, 0.018, 0.02, WHITE);
}
