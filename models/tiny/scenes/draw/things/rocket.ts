import type { Brush } from '../brush.ts';
import { type Distance, ellipse } from '../shapes.ts';

export function drawRocket({
  X,
  Y,
  unit,
  round,
  box,
  poly,
  fill,
  line,
  lit,
  dark,
  cream,
  ink,
  shade,
  pale,
}: Brush): void {
  for (const side of [-1, 1])
    poly(
      [
        [side * 0.1, 0.42],
        [side * 0.36, 0.16],
        [side * 0.36, 0.0],
        [side * 0.1, 0.14],
      ],
      0.02,
      dark,
    );
  box(-0.1, 0.14, 0.1, 0.03, 0.02, shade([96, 96, 112]));
  // Two circles that overlap make the pointed hull.
  const [left, right] = [
    ellipse(X(-0.32), Y(0.5), unit * 0.54, unit * 0.64),
    ellipse(X(0.32), Y(0.5), unit * 0.54, unit * 0.64),
  ];
  const bounds = [-0.25, 1.08, 0.25, 0.08] as const;
  const above =
    (height: number): Distance =>
    (x, y) =>
      Math.max(left(x, y), right(x, y), y - Y(height));
  fill(bounds, above(0.1), lit(1.0, 0.1));
  fill(bounds, above(0.84), cream);
  line([-0.17, 0.3], [0.17, 0.3], pale);
  round(0, 0.6, 0.115, 0.115, cream);
  round(0, 0.6, 0.08, 0.08, shade([120, 196, 236]));
  line([-0.05, 0.57], [0.03, 0.66], cream);
  for (const side of [-1, 1]) line([side * 0.05, 0.02], [side * 0.08, -0.04], ink);
}
