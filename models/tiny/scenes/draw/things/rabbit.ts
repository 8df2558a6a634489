import type { Brush } from '../brush.ts';
import { WHITE } from '../colour.ts';

export function drawRabbit({ turn, round, line, lit, dark, pale, cream, ink, shade }: Brush): void {
  for (const side of [-1, 1]) {
    round(side * 0.13, 0.86, 0.085, 0.24, dark);
    round(side * 0.13, 0.87, 0.04, 0.17, shade([250, 190, 200]));
  }
  round(turn * -0.25, 0.12, 0.1, 0.1, cream);
  round(0, 0.22, 0.26, 0.24, lit(0.46, -0.02));
  round(0, 0.2, 0.14, 0.16, pale);
  for (const side of [-1, 1]) round(side * 0.14, 0.02, 0.11, 0.05, dark);
  round(0, 0.54, 0.27, 0.22, lit(0.76, 0.32));
  for (const side of [-1, 1]) {
    round(side * 0.12, 0.58, 0.05, 0.065, ink);
    round(side * 0.12 + turn * 0.015, 0.605, 0.018, 0.02, WHITE);
  }
  for (const side of [-1, 1]) round(side * 0.05, 0.46, 0.06, 0.045, cream);
  round(0, 0.5, 0.035, 0.026, shade([214, 92, 110]));
  for (const side of [-1, 1]) for (const y of [0.42, 0.5]) line([side * 0.1, 0.46], [side * 0.33, y], ink);
}
