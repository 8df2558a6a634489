import type { BlockClass } from '@flux-srpo/core';
import type { Numbers } from '../tensors/numbers.ts';
import { quantizeQ4, quantizeQ4m, quantizeQ8 } from './kernels.ts';

/** Whole rows of one tensor to be quantized; plain data, so that a worker can be asked. */
export interface QuantizeJob {
  readonly weightClass: BlockClass;
  /** [N, K], K a multiple of 32. */
  readonly rows: Numbers;
  readonly inFeatures: number;
  /** Absent: scales as narrow as the class stores them. Given: they become float32, `q4m`'s within a range about 2^exponent. */
  readonly exponent?: number;
}

export interface QuantizedRows {
  readonly codes: Uint8Array<ArrayBuffer>;
  /** `q4m`: e4m4 codes of scales / 2^exponent. Others: the scales themselves, rounded to halves where no exponent was given. */
  readonly scales: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /** Largest |x|. Of rows with a value that is not finite: that value, and no codes. */
  readonly largest: number;
}

/** Something that quantizes rows, here or elsewhere. */
export interface RowQuantizer {
  /** Jobs worth having under way together. */
  readonly concurrency: number;
  quantize(job: QuantizeJob): Promise<QuantizedRows>;
}

/** Quantizes where it is called. */
export const IN_PROCESS: RowQuantizer = {
  concurrency: 1,
  async quantize(job) {
    return quantizeRows(job);
  },
};

/** Does one job. Every row is quantized by itself, so the result does not depend on how rows are cut into jobs. */
export function quantizeRows({ weightClass, rows, inFeatures, exponent }: QuantizeJob): QuantizedRows {
  const quantized =
    weightClass === 'q4m'
      ? quantizeQ4m(rows, inFeatures, exponent)
      : (weightClass === 'q4' ? quantizeQ4 : quantizeQ8)(rows, exponent === undefined);
  if (Number.isFinite(quantized.largest)) return quantized;
  return { codes: new Uint8Array(), scales: new Float32Array(), largest: quantized.largest };
}
