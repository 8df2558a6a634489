import { BLOCK_LAYOUTS, isBlockClass, QUANT_BLOCK, storedWidth, type WeightClass } from '@flux-srpo/core';
import type { WeightSlot } from './slots.ts';

/** A graph input that carries weights. */
export interface WeightInput {
  readonly name: string;
  readonly dtype: 'float32' | 'float16' | 'uint8';
  readonly dims: readonly number[];
}

/**
 * The graph inputs that a slot becomes.
 *
 * Float linears are [K, N], transposed from torch's [N, K], so that no Transpose runs; quantized
 * ones are MatMulNBits' `B` [N, K/32, 32·bits/8] and `scales` [N, K/32], `q4m` with a K that
 * {@link storedWidth} widens. `q4k` also has `offsets` [K/32, N], which multiply the block sums of
 * the activations.
 * @param dtype of the values that the weight is used with; floats and scales have the same
 */
export function weightInputs(
  slot: WeightSlot,
  weightClass: WeightClass,
  dtype: 'float32' | 'float16' = 'float32',
): WeightInput[] {
  if (slot.kind === 'plain') return [{ name: slot.name, dtype, dims: slot.shape }];
  const [outFeatures, inFeatures] = slot.shape as readonly [number, number];
  if (!isBlockClass(weightClass)) return [{ name: slot.name, dtype, dims: [inFeatures, outFeatures] }];
  if (inFeatures % QUANT_BLOCK !== 0) {
    throw new Error(`${slot.name}: ${inFeatures} is not a multiple of ${QUANT_BLOCK}`);
  }
  const blocks = storedWidth(inFeatures, weightClass) / QUANT_BLOCK;
  return [
    { name: slot.name, dtype: 'uint8', dims: [outFeatures, blocks, BLOCK_LAYOUTS[weightClass].codes] },
    { name: scalesName(slot.name), dtype, dims: [outFeatures, blocks] },
    ...(weightClass === 'q4k' ? [{ name: offsetsName(slot.name), dtype, dims: [blocks, outFeatures] }] : []),
  ];
}

/** `img_attn.q.weight` → `img_attn.q.scales` */
export function scalesName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.scales');
}

export function isScales(name: string): boolean {
  return name.endsWith('.scales');
}

/** `img_attn.q.weight` → `img_attn.q.offsets` */
export function offsetsName(weightName: string): string {
  return weightName.replace(/\.weight$/, '.offsets');
}
