import type { Brush } from '../brush.ts';
import { WHITE } from '../colour.ts';
import { segment, union } from '../shapes.ts';

export function drawCat({
  X,
  Y,
  unit,
  turn,
  round,
  poly,
  fill,
  line,
  lit,
  dark,
  pale,
  cream,
  ink,
  shade,
}: Brush): void {
  const tail = union(
    segment(X(turn * -0.22), Y(0.07), X(turn * -0.42), Y(0.16), unit * 0.065),
    segment(X(turn * -0.42), Y(0.16), X(turn * -0.4), Y(0.38), unit * 0.065),
  );
  fill([-0.55, 0.5, 0.55, -0.05], tail, dark);
  round(0, 0.25, 0.29, 0.27, lit(0.5, -0.02));
  round(0, 0.2, 0.15, 0.17, pale);
  for (const side of [-1, 1])
    poly(
      [
        [side * 0.3, 1.0],
        [side * 0.32, 0.74],
        [side * 0.06, 0.86],
      ],
      0.03,
      dark,
    );
  round(0, 0.67, 0.36, 0.28, lit(0.96, 0.38));
  round(0, 0.57, 0.15, 0.11, cream);
  for (const side of [-1, 1]) {
    round(side * 0.17, 0.72, 0.07, 0.085, ink);
    round(side * 0.17 + turn * 0.02, 0.75, 0.026, 0.028, WHITE);
  }
  round(0, 0.62, 0.045, 0.032, shade([214, 92, 110]));
  for (const side of [-1, 1]) for (const y of [0.52, 0.62]) line([side * 0.16, 0.57], [side * 0.44, y], ink);
}
