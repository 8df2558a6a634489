import { torchRandn } from '@flux-srpo/core';

/*
 * Weights to measure quantizers on, the same to the bit as test/reference/ggml_quantizers.py makes
 * them: torch's normal numbers and, of float64, only the operations that IEEE 754 rounds correctly.
 */

export const DISTRIBUTION_ROWS = 64;
export const DISTRIBUTION_COLUMNS = 3072;
const COUNT = DISTRIBUTION_ROWS * DISTRIBUTION_COLUMNS;

/** Outliers are this many times larger. */
const OUTLIER = 20;

/** Independent standard normal numbers of the seeds that follow `seed`. */
function normals(seed: number, columns: number): Float32Array[] {
  return Array.from({ length: columns }, (_, i) => torchRandn(seed + i, COUNT));
}

/** Student's t with ν degrees of freedom: z·√(ν / χ²). */
function student(degrees: number, seed: number): number[] {
  const [z, ...others] = normals(seed, degrees + 1) as [Float32Array, ...Float32Array[]];
  return Array.from(z, (value, i) => value * Math.sqrt(degrees / others.reduce((sum, x) => sum + x[i]! * x[i]!, 0)));
}

/** z₁z₂ + z₃z₄ has Laplace's distribution. */
function laplace(seed: number): number[] {
  const [a, b, c, d] = normals(seed, 4) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return Array.from(a, (value, i) => value * b[i]! + c[i]! * d[i]!);
}

function gaussian(seed: number, factor: (row: number, column: number) => number = () => 1): number[] {
  return Array.from(
    normals(seed, 1)[0]!,
    (value, i) => value * factor(Math.floor(i / DISTRIBUTION_COLUMNS), i % DISTRIBUTION_COLUMNS),
  );
}

const MAKERS = {
  gaussian: () => gaussian(100),
  'student t 4': () => student(4, 200),
  'student t 5': () => student(5, 300),
  laplace: () => laplace(400),
  'outlier rows': () => gaussian(500, (row) => (row % 16 === 7 ? OUTLIER : 1)),
  'outlier columns': () => gaussian(600, (_, column) => (column % 97 === 7 ? OUTLIER : 1)),
} as const;

export type Distribution = keyof typeof MAKERS;

export const DISTRIBUTIONS = Object.keys(MAKERS) as readonly Distribution[];

/** [64, 3072] weights of about the size that a linear layer has. */
export function distribution(name: Distribution): Float32Array<ArrayBuffer> {
  return Float32Array.from(MAKERS[name](), (value) => value / 50);
}
