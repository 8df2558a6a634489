import type { Brush } from '../brush.ts';

export function drawBoat({ box, poly, line, lit, main, dark, cream, brown, ink }: Brush): void {
  box(-0.035, 1.06, 0.025, 0.2, 0.01, brown);
  poly(
    [
      [-0.07, 1.0],
      [-0.07, 0.3],
      [-0.42, 0.3],
    ],
    0.03,
    lit(1, 0.3),
  );
  poly(
    [
      [0.06, 0.92],
      [0.06, 0.3],
      [0.36, 0.3],
    ],
    0.03,
    lit(1, 0.3),
  );
  for (const y of [0.48, 0.66]) line([-0.07, y], [-0.07 - (1 - y) * 0.5, y], dark);
  poly(
    [
      [-0.5, 0.2],
      [0.5, 0.2],
      [0.34, 0.01],
      [-0.34, 0.01],
    ],
    0.03,
    cream,
  );
  poly(
    [
      [-0.5, 0.2],
      [0.5, 0.2],
      [0.47, 0.16],
      [-0.47, 0.16],
    ],
    0.03,
    main,
  );
  // Stays, from the top of the mast to both ends.
  for (const side of [-1, 1]) line([0, 1.05], [side * 0.5, 0.22], ink);
}
