import type { BlockClass } from '@flux-srpo/core';
import type { Numbers } from '../tensors/numbers.ts';
import { quantizeQ4m } from './q4m.ts';
import { quantizeQ4, quantizeQ8 } from './symmetric.ts';

/** The classes with a quantizer of their own: `q4k` takes over what that of `q4m` finds. */
export type SearchedClass = Exclude<BlockClass, 'q4k'>;

/** Whole rows of one tensor to be quantized. Plain data, so that it can go to a worker. */
export interface QuantizeJob {
  readonly weightClass: SearchedClass;
  /** [N, K], K a multiple of 32. */
  readonly rows: Numbers;
  readonly inFeatures: number;
  /** Given: scales are float32, `q4m`'s around 2^exponent. Absent: rounded to the class's dtype. */
  readonly exponent?: number;
}

export interface QuantizedRows {
  readonly codes: Uint8Array<ArrayBuffer>;
  /** `q4m`: e4m4 codes of scale / 2^exponent. Else scales, rounded to halves without exponent. */
  readonly scales: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /** Largest |x|. Where a value is not finite: that value, and there are no codes. */
  readonly largest: number;
}

/** Quantizes rows, in this thread or in others. Every RowQuantizer produces identical bytes. */
export interface RowQuantizer {
  /** How many jobs are worth running at once. */
  readonly concurrency: number;
  quantize(job: QuantizeJob): Promise<QuantizedRows>;
}

/** Quantizes in the calling thread. */
export const IN_PROCESS: RowQuantizer = {
  concurrency: 1,
  async quantize(job) {
    return quantizeRows(job);
  },
};

/** Does one job. Rows are quantized one by one, so it does not matter how they are cut. */
export function quantizeRows({ weightClass, rows, inFeatures, exponent }: QuantizeJob): QuantizedRows {
  const quantized =
    weightClass === 'q4m'
      ? quantizeQ4m(rows, inFeatures, exponent)
      : (weightClass === 'q4' ? quantizeQ4 : quantizeQ8)(rows, exponent === undefined);
  if (Number.isFinite(quantized.largest)) return quantized;
  return { codes: new Uint8Array(), scales: new Float32Array(), largest: quantized.largest };
}
