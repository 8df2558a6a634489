import { type BlockClass, type RoundScale, roundF16 } from './blocks.ts';
import { q4 } from './q4.ts';
import { quantizeQ4m } from './q4m.ts';
import { q8 } from './q8.ts';

/** Whole rows of one tensor to be quantized; plain data, so that a worker can be asked. */
export interface QuantizeJob {
  readonly weightClass: BlockClass;
  /** [N, K] float32. */
  readonly rows: Float32Array<ArrayBuffer>;
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
  const largest = largestMagnitude(rows);
  if (!Number.isFinite(largest)) return { codes: new Uint8Array(), scales: new Float32Array(), largest };
  if (weightClass === 'q4m') return { ...quantizeQ4m(rows, inFeatures, exponent), largest };
  const quantizer = weightClass === 'q4' ? q4 : q8;
  const round: RoundScale = exponent === undefined ? roundF16 : Math.fround;
  const scales = quantizer.scales(rows, round);
  return { codes: quantizer.codes(rows, scales), scales, largest };
}

/** Largest |x|, or a value that is no finite number. */
export function largestMagnitude(rows: Float32Array): number {
  let max = 0;
  for (let i = 0; i < rows.length; i++) {
    const magnitude = Math.abs(rows[i]!);
    if (magnitude > max) max = magnitude;
    // Neither above nor not above: NaN.
    else if (!(magnitude <= max)) return Number.NaN;
  }
  return max;
}
