import { oneOf } from '../strict/index.ts';

/**
 * How a linear layer's weight is stored. `f32` and `f16` are floats. The others are MatMulNBits'
 * blocks of 32 along the input. Each block of `q4m` and `q4k` also has an offset, which multiplies
 * the block's sum of inputs: `q4m` keeps it in two 4-bit codes, `q4k` as a float, so that it holds
 * what ggml's Q4_K and Q4_1 mean.
 */
export const WEIGHT_CLASSES = ['f32', 'f16', 'q8', 'q4', 'q4m', 'q4k'] as const;

export type WeightClass = (typeof WEIGHT_CLASSES)[number];

/** What a conversion uses unless it is told otherwise. */
export const DEFAULT_WEIGHT_CLASS: WeightClass = 'q4m';

/** The class of this name, from an option or a setting that a caller wrote. */
export const parseWeightClass = oneOf(...WEIGHT_CLASSES);
