import type { Brush } from '../brush.ts';
import type { Rgb } from '../colour.ts';

export function drawCar({ turn, round, box, poly, line, lit, main, cream, ink, dark, time }: Brush): void {
  const glass: Rgb = time === 'night' ? [120, 138, 180] : [206, 232, 248];
  poly(
    [
      [-0.31, 0.3],
      [0.31, 0.3],
      [0.18, 0.6],
      [-0.18, 0.6],
    ],
    0.05,
    main,
  );
  for (const side of [-1, 1])
    poly(
      [
        [side * 0.045, 0.35],
        [side * 0.22, 0.35],
        [side * 0.15, 0.55],
        [side * 0.045, 0.55],
      ],
      0.015,
      glass,
    );
  box(-0.5, 0.38, 0.5, 0.08, 0.11, lit(0.38, 0.08));
  line([0, 0.34], [0, 0.12], dark);
  line([turn * -0.06, 0.27], [turn * -0.12, 0.27], cream);
  line([turn * -0.24, 0.6], [turn * -0.34, 0.86], ink);
  round(turn * 0.44, 0.26, 0.05, 0.05, [255, 240, 170]);
  for (const side of [-1, 1]) {
    round(side * 0.28, 0.1, 0.135, 0.135, ink);
    round(side * 0.28, 0.1, 0.06, 0.06, cream);
  }
}
