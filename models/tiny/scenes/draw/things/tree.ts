import type { Brush } from '../brush.ts';
import { ellipse, union } from '../shapes.ts';

export function drawTree({ X, Y, unit, box, round, fill, line, lit, pale, brown, shade }: Brush): void {
  box(-0.085, 0.42, 0.085, -0.02, 0.03, brown);
  for (const x of [-0.03, 0.035]) line([x, 0.02], [x, 0.3], shade([84, 52, 34]));
  const leaves = [
    [0, 0.76, 0.27],
    [-0.21, 0.56, 0.22],
    [0.21, 0.56, 0.22],
    [0, 0.54, 0.24],
  ] as const;
  const shapes = leaves.map(([x, y, r]) => ellipse(X(x), Y(y), r * unit, r * unit));
  fill([-0.5, 1.1, 0.5, 0.2], union(...shapes), lit(1.03, 0.3));
  round(-0.09, 0.86, 0.1, 0.08, pale, 0.7, 2);
}
