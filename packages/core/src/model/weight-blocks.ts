import type { WeightClass } from '../manifest/weight-class.ts';

/*
 * Weights in blocks: codes of a few bits that share a scale. The converter writes by this, and the
 * planner counts by it.
 */

/**
 * Weights per block, along the input features. The only block size with a tiled kernel on every
 * device.
 */
export const QUANT_BLOCK = 32;

/** The classes whose weights are codes and scales. */
export type BlockClass = Extract<WeightClass, 'q8' | 'q4' | 'q4m'>;

/**
 * Bytes of one block: its codes, and its scale as it is on disk. On the device a scale is a float32
 * or a half.
 */
export const BLOCK_BYTES: Readonly<Record<BlockClass, { readonly codes: number; readonly scale: number }>> = {
  q8: { codes: QUANT_BLOCK, scale: 2 },
  q4: { codes: QUANT_BLOCK / 2, scale: 2 },
  q4m: { codes: QUANT_BLOCK / 2, scale: 1 },
};

export function isBlockClass(weightClass: WeightClass): weightClass is BlockClass {
  return Object.hasOwn(BLOCK_BYTES, weightClass);
}

/**
 * Columns that `q4m` puts behind a linear's K: its blocks' offsets as coarse codes, then as fine
 * ones, each padded to whole blocks. What they multiply is the sum of each block's activations.
 */
export function offsetColumns(inFeatures: number): { readonly blocks: number; readonly padded: number } {
  const blocks = inFeatures / QUANT_BLOCK;
  return { blocks, padded: Math.ceil(blocks / QUANT_BLOCK) * QUANT_BLOCK };
}

/** The inner width that MatMulNBits sees. */
export function storedWidth(inFeatures: number, weightClass: WeightClass): number {
  return weightClass === 'q4m' ? inFeatures + 2 * offsetColumns(inFeatures).padded : inFeatures;
}
