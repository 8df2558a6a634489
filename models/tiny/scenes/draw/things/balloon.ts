import type { Brush } from '../brush.ts';
import { ellipse, polygon, segment, union } from '../shapes.ts';

export function drawBalloon({ X, Y, unit, box, fill, line, lit, cream, brown, dark, shade }: Brush): void {
  for (const side of [-1, 1]) {
    const rope = segment(X(side * 0.2), Y(0.34), X(side * 0.09), Y(0.12), unit * 0.012);
    fill([-0.25, 0.4, 0.25, 0.1], rope, shade([90, 62, 50]));
  }
  box(-0.12, 0.14, 0.12, -0.06, 0.035, brown);
  for (const y of [0.0, 0.06]) line([-0.11, y], [0.11, y], shade([172, 124, 80]));
  const bag = ellipse(X(0), Y(0.7), unit * 0.4, unit * 0.41);
  const neck = polygon(
    [
      [X(-0.35), Y(0.55)],
      [X(0.35), Y(0.55)],
      [X(0.13), Y(0.27)],
      [X(-0.13), Y(0.27)],
    ],
    unit * 0.02,
  );
  const whole = union(bag, neck);
  const bounds = [-0.42, 1.14, 0.42, 0.22] as const;
  fill(bounds, whole, lit(1.1, 0.3));
  const stripe = ellipse(X(0), Y(0.66), unit * 0.14, unit * 0.5);
  fill(bounds, (x, y) => Math.max(whole(x, y), stripe(x, y)), cream, 0.85);
  for (const side of [-1, 1]) line([side * 0.13, 0.3], [side * 0.27, 0.62], dark);
}
