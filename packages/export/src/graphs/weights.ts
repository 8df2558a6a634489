import type { WeightClass } from '@flux-srpo/core';
import type { WeightSlot } from './slots.ts';

/** A graph input that carries weights. */
export interface WeightInput {
  readonly name: string;
  readonly dtype: 'float32' | 'float16' | 'uint8';
  readonly dims: readonly number[];
}

/** Weights per quantization block, along the input features. The only block size with a tiled kernel on every device. */
export const QUANT_BLOCK = 32;

/**
 * Columns that `q4m` puts behind a linear's K: its blocks' offsets as coarse codes, then as fine ones, each padded to
 * whole blocks. What they multiply is the sum of each block's activations.
 */
export function offsetColumns(inFeatures: number): { readonly blocks: number; readonly padded: number } {
  const blocks = inFeatures / QUANT_BLOCK;
  return { blocks, padded: Math.ceil(blocks / QUANT_BLOCK) * QUANT_BLOCK };
}

/** The inner width that MatMulNBits sees. */
export function storedWidth(inFeatures: number, weightClass: WeightClass): number {
  return weightClass === 'q4m' ? inFeatures + 2 * offsetColumns(inFeatures).padded : inFeatures;
}

/**
 * The graph inputs a slot becomes.
 *
 * Float linears are [K, N], transposed from torch's [N, K], so that no Transpose runs; quantized ones are MatMulNBits'
 * `B` [N, K/32, 32·bits/8] and `scales` [N, K/32], `q4m` with a K that {@link storedWidth} widens.
 *
 * @param dtype of what the weight is used with: floats and scales are of the same
 */
export function weightInputs(
  slot: WeightSlot,
  weightClass: WeightClass,
  dtype: 'float32' | 'float16' = 'float32',
): WeightInput[] {
  if (slot.kind === 'plain') return [{ name: slot.name, dtype, dims: slot.shape }];
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  if (weightClass === 'f32' || weightClass === 'f16') {
    return [{ name: slot.name, dtype, dims: [inFeatures, outFeatures] }];
  }
  if (inFeatures % QUANT_BLOCK !== 0) {
    throw new Error(`${slot.name}: ${inFeatures} is not a multiple of ${QUANT_BLOCK}`);
  }
  const blocks = storedWidth(inFeatures, weightClass) / QUANT_BLOCK;
  const blockBytes = weightClass === 'q8' ? QUANT_BLOCK : QUANT_BLOCK / 2;
  return [
    { name: slot.name, dtype: 'uint8', dims: [outFeatures, blocks, blockBytes] },
    { name: scalesName(slot.name), dtype, dims: [outFeatures, blocks] },
  ];
}

/** `img_attn.q.weight` → `img_attn.q.scales` */
export function scalesName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.scales');
}
