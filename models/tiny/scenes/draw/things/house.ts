import type { Brush } from '../brush.ts';
import type { Rgb } from '../colour.ts';

export function drawHouse({ box, poly, line, lit, shade, brown, cream, time }: Brush): void {
  box(0.16, 0.98, 0.3, 0.6, 0.02, shade([150, 110, 104]));
  box(-0.4, 0.58, 0.4, -0.01, 0.05, lit(0.58, 0));
  poly(
    [
      [-0.46, 0.56],
      [0.46, 0.56],
      [0, 0.96],
    ],
    0.045,
    shade([104, 72, 78]),
  );
  for (const y of [0.68, 0.8]) line([(y - 0.98) * 0.95, y], [(0.98 - y) * 0.95, y], shade([78, 52, 62]));
  const window: Rgb = time === 'day' ? [214, 238, 255] : [255, 226, 120];
  for (const x of [-0.22, 0.22]) {
    box(x - 0.11, 0.46, x + 0.11, 0.24, 0.04, window);
    line([x, 0.46], [x, 0.24], cream);
    line([x - 0.11, 0.35], [x + 0.11, 0.35], cream);
  }
  box(-0.085, 0.3, 0.085, -0.01, 0.05, brown);
}
