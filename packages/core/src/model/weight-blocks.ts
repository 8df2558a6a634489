import type { WeightClass } from '../manifest/weight-class.ts';

/** Weights in blocks of codes that share a scale, for the converter and the planner. */

/** Weights per block, along the input. The only size with a tiled kernel on every device. */
export const QUANT_BLOCK = 32;

/** The classes whose weights are codes and scales. */
export type BlockClass = Extract<WeightClass, 'q8' | 'q4' | 'q4m' | 'q4k'>;

/** The classes with an offset in each block. */
export type OffsetClass = Extract<WeightClass, 'q4m' | 'q4k'>;

/** How a block is stored. */
export interface BlockLayout {
  /** Bytes of the codes. */
  readonly codes: number;
  /** Numbers beside the codes: a scale, and in `q4k` an offset. Floats or halves on the device. */
  readonly floats: 1 | 2;
  /** Bytes of each of these numbers on disk. */
  readonly floatBytes: 1 | 2;
}

export const BLOCK_LAYOUTS: Readonly<Record<BlockClass, BlockLayout>> = {
  q8: { codes: QUANT_BLOCK, floats: 1, floatBytes: 2 },
  q4: { codes: QUANT_BLOCK / 2, floats: 1, floatBytes: 2 },
  q4m: { codes: QUANT_BLOCK / 2, floats: 1, floatBytes: 1 },
  q4k: { codes: QUANT_BLOCK / 2, floats: 2, floatBytes: 2 },
};

export function isBlockClass(weightClass: WeightClass): weightClass is BlockClass {
  return Object.hasOwn(BLOCK_LAYOUTS, weightClass);
}

export function hasOffsets(weightClass: WeightClass): weightClass is OffsetClass {
  return weightClass === 'q4m' || weightClass === 'q4k';
}

export function isFourBits(weightClass: WeightClass): boolean {
  return isBlockClass(weightClass) && BLOCK_LAYOUTS[weightClass].codes < QUANT_BLOCK;
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
