import { FLUX1_DEV, type ModelConfig, torchRandn } from '@flux-srpo/core';
import { buildGraph, quantizeQ4m, splitOffsets } from '@flux-srpo/export';
import { e4m4ToF32 } from '@flux-srpo/formats';
import type { HostTensor, Stage } from '@flux-srpo/runtime';
import { dequantizeQ4m } from './dequantize.ts';

/**
 * A linear layer in 4-bit blocks with offsets, as a graph of the model. Oracle: a plain loop over
 * the dequantized weights.
 */

const ROWS = 70;
const HEADS = 2;
const FEATURES = HEADS * FLUX1_DEV.transformer.attention_head_dim;

/**
 * Weights whose blocks lie off zero. A lost or misplaced offset shows, because half of each product
 * is the offset's.
 */
function weights(inFeatures: number): Float32Array {
  const noise = torchRandn(11, FEATURES * inFeatures);
  return noise.map((value, i) => 0.02 * (value + 2 * Math.sin(Math.floor(i / 32) * 1.7)));
}

/** Largest difference to the loop, as a share of the results' root mean square. */
export async function offsetLinearError(
  stage: Stage,
  weightClass: (typeof OFFSET_CLASSES)[number],
  inFeatures: number,
): Promise<number> {
  const transformer = { ...FLUX1_DEV.transformer, num_attention_heads: HEADS, joint_attention_dim: inFeatures };
  const config: ModelConfig = { ...FLUX1_DEV, transformer };
  const { bytes, weights: inputs } = buildGraph('embed_text', config, ({ kind }) =>
    kind === 'linear' ? weightClass : 'f32',
  );
  const session = await stage.session(`embed_text ${weightClass} ${inFeatures}`, async () => bytes);

  const { codes, scales } = quantizeQ4m(weights(inFeatures), inFeatures);
  const values = e4m4ToF32(scales);
  const x = torchRandn(12, ROWS * inFeatures);
  const bias = torchRandn(13, FEATURES);
  const split = splitOffsets(codes, values, inFeatures);
  const weightData = weightClass === 'q4m' ? [codes, values] : [split.codes, split.scales, split.offsets];
  const feeds: Record<string, HostTensor> = {
    prompt_embeds: { dtype: 'float32', dims: [1, ROWS, inFeatures], data: x },
  };
  for (const [i, { name, dims, dtype }] of inputs.entries()) {
    feeds[name] = { dtype, dims, data: [...weightData, bias][i]! };
  }
  const { hidden } = await stage.run(session, feeds);
  const got = await stage.read(hidden!);
  hidden!.dispose();

  const rows = dequantizeQ4m(codes, values, inFeatures);
  let worst = 0;
  let squares = 0;
  for (let row = 0; row < ROWS; row++) {
    for (let feature = 0; feature < FEATURES; feature++) {
      let sum = bias[feature]!;
      for (let k = 0; k < inFeatures; k++) sum += x[row * inFeatures + k]! * rows[feature * inFeatures + k]!;
      worst = Math.max(worst, Math.abs(got[row * FEATURES + feature]! - sum));
      squares += sum * sum;
    }
  }
  return worst / Math.sqrt(squares / (ROWS * FEATURES));
}

/** The classes with an offset in each block. */
export const OFFSET_CLASSES = ['q4m', 'q4k'] as const;

/** Widths whose block sums fill whole blocks of their own, and widths where they are padded. */
export const OFFSET_WIDTHS = [1024, 96, 1056] as const;

/** float32 sums of about a thousand products in another order. */
export const OFFSET_TOLERANCE = 2e-5;
