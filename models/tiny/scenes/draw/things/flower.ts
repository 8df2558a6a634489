import type { Brush } from '../brush.ts';
import { segment } from '../shapes.ts';

export function drawFlower({ X, Y, unit, round, fill, line, lit, main, dark, pale, ink, shade }: Brush): void {
  const green = shade([52, 124, 62]);
  fill([-0.1, 0.62, 0.1, 0], segment(X(0), Y(0.6), X(0), Y(0), unit * 0.032), green);
  for (const side of [-1, 1]) {
    const leaf = segment(X(side * 0.04), Y(0.06), X(side * 0.2), Y(0.22), unit * 0.06);
    fill([-0.3, 0.32, 0.3, -0.02], leaf, green);
    line([side * 0.02, 0.04], [side * 0.23, 0.25], shade([32, 88, 46]));
  }
  const petals = Array.from({ length: 8 }, (_, i) => {
    const angle = ((i + 0.5) * Math.PI) / 4;
    return [0.24 * Math.cos(angle), 0.68 + 0.24 * Math.sin(angle), angle] as const;
  });
  for (const [i, [x, y]] of petals.entries()) round(x, y, 0.115, 0.115, i % 2 ? lit(1.03, 0.33) : dark);
  for (const [x, y, angle] of petals)
    line(
      [x - 0.06 * Math.cos(angle), y - 0.06 * Math.sin(angle)],
      [x + 0.07 * Math.cos(angle), y + 0.07 * Math.sin(angle)],
      pale,
    );
  round(0, 0.68, 0.19, 0.19, main);
  round(0, 0.68, 0.165, 0.165, shade([255, 240, 190]));
  for (const side of [-1, 1]) {
    round(side * 0.06, 0.72, 0.024, 0.034, ink);
    line([0, 0.615], [side * 0.05, 0.64], ink);
  }
}
