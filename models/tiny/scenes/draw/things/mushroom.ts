import type { Brush } from '../brush.ts';
import { ellipse } from '../shapes.ts';

export function drawMushroom({ X, Y, unit, box, round, fill, line, lit, dark, cream, ink, shade }: Brush): void {
  box(-0.17, 0.55, 0.17, -0.01, 0.11, cream);
  const cap = ellipse(X(0), Y(0.46), unit * 0.48, unit * 0.5);
  const under = Y(0.44);
  fill([-0.5, 1, 0.5, 0.4], (x, y) => Math.max(cap(x, y), y - under), lit(0.96, 0.44));
  round(0, 0.45, 0.46, 0.06, dark);
  for (const [x, y, r] of [
    [0, 0.78, 0.1],
    [-0.27, 0.61, 0.08],
    [0.27, 0.61, 0.08],
  ] as const)
    round(x, y, r, r, cream);
  for (const side of [-1, 1]) round(side * 0.075, 0.24, 0.032, 0.042, ink);
  for (const side of [-1, 1]) line([0, 0.145], [side * 0.06, 0.17], shade([150, 70, 70]));
}
