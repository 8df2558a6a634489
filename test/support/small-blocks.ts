import { torchRandn } from '@flux-srpo/core';
import type { HostTensor, Stage } from '@flux-srpo/runtime';
import { kernelGraph } from '../../packages/runtime/src/ort/kernel-graph.ts';

/** A quantized linear layer with blocks of a chosen length. */
interface BlockLinear {
  bits: 4 | 8;
  /** How many weights share a scale. */
  block: number;
  /** K, a multiple of `block`. */
  inFeatures: number;
  /** N */
  features: number;
}

/**
 * Codes [N, K·bits/8] and scales [N, K/block], the same on every machine. Scales have 18
 * significant bits, as ggml's `d · sc` has: no half can hold them.
 */
function blockWeights({ bits, block, inFeatures, features }: BlockLinear): {
  codes: Uint8Array<ArrayBuffer>;
  scales: Float32Array<ArrayBuffer>;
} {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 8;
  };
  return {
    codes: Uint8Array.from({ length: (features * inFeatures * bits) / 8 }, () => next() >>> 16),
    scales: Float32Array.from(
      { length: (features * inFeatures) / block },
      () => ((1024 + (next() & 1023)) / 2 ** 22) * ((next() & 255) - 128),
    ),
  };
}

/** x·Wᵀ in float64, W = (code − 2^(bits−1))·scale. x: [M, K] → [M, N]. */
function blockLinear(
  x: Float32Array,
  { codes, scales }: { codes: Uint8Array; scales: Float32Array },
  { bits, block, inFeatures, features }: BlockLinear,
): Float64Array {
  const rows = x.length / inFeatures;
  const out = new Float64Array(rows * features);
  const row = new Float64Array(inFeatures);
  for (let n = 0; n < features; n++) {
    for (let k = 0; k < inFeatures; k++) {
      const flat = n * inFeatures + k;
      const code = bits === 8 ? codes[flat]! : (codes[flat >> 1]! >> (4 * (flat & 1))) & 15;
      row[k] = (code - 2 ** (bits - 1)) * scales[Math.floor(flat / block)]!;
    }
    for (let m = 0; m < rows; m++) {
      let sum = 0;
      for (let k = 0; k < inFeatures; k++) sum += x[m * inFeatures + k]! * row[k]!;
      out[m * features + n] = sum;
    }
  }
  return out;
}

/**
 * Largest difference between a stage's MatMulNBits and the loop, as a share of the largest result.
 * `rows` is M.
 */
export async function blockLinearError(stage: Stage, linear: BlockLinear, rows: number): Promise<number> {
  const { bits, block, inFeatures, features } = linear;
  const weights = blockWeights(linear);
  const x = torchRandn(14, rows * inFeatures);
  const feeds: Record<string, HostTensor> = {
    x: { dtype: 'float32', dims: [1, rows, inFeatures], data: x },
    codes: { dtype: 'uint8', dims: [features, inFeatures / block, (block * bits) / 8], data: weights.codes },
    scales: { dtype: 'float32', dims: [features, inFeatures / block], data: weights.scales },
  };
  const session = await stage.session(`q${bits}, ${block}, ${rows}`, async () =>
    kernelGraph(
      {
        op: 'MatMulNBits',
        contrib: true,
        inputs: ['x', 'codes', 'scales'],
        attributes: { K: inFeatures, N: features, bits, block_size: block },
      },
      feeds,
      [1, rows, features],
    ),
  );
  const { y } = await stage.run(session, feeds);
  const got = await stage.read(y!);
  y!.dispose();

  let worst = 0;
  let largest = 0;
  for (const [i, value] of blockLinear(x, weights, linear).entries()) {
    const difference = Math.abs(got[i]! - value);
    if (!(difference <= worst)) worst = difference;
    largest = Math.max(largest, Math.abs(value));
  }
  return worst / largest;
}

/** K and N: FLUX's width into a few features. */
const WIDTHS = { inFeatures: 3072, features: 64 };

/**
 * One row, and enough rows for a tiled kernel where there is one. More rows were measured by hand
 * (SPEED.md), because they take long without tiles.
 */
export const SMALL_BLOCK_CASES = ([4, 8] as const).flatMap((bits) =>
  [1, 8, 96].map((rows) => ({ linear: { bits, block: 16, ...WIDTHS }, rows })),
);

/**
 * float32 sums of 3072 products in another order were off by 1e-6 at most. Scales rounded to halves
 * were off by 2e-4.
 */
export const SMALL_BLOCK_TOLERANCE = 1e-5;
