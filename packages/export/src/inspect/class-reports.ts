import { QUANT_BLOCK, type TensorClass } from '@flux-srpo/core';
import type { TensorInfo } from '@flux-srpo/formats';
import { offsetsName, type PartPlan, scalesName } from '../graphs/index.ts';
import { elementCount } from './inspect-tensor-file.ts';

export interface ClassReport {
  /** Dtypes on disk with the bytes in each; `scales` and `offsets` are the blocks'. */
  dtypes: Record<string, number>;
  weights: number;
  bytes: number;
  bitsPerWeight: number;
}

/** Adds the tensors of a part to the reports of their classes. */
export function addToClasses(
  classes: Partial<Record<TensorClass, ClassReport>>,
  part: PartPlan,
  tensors: ReadonlyMap<string, TensorInfo>,
): void {
  for (const { name, kind, shape, tensorClass } of part.slots) {
    classes[tensorClass] ??= { dtypes: {}, weights: 0, bytes: 0, bitsPerWeight: 0 };
    const report = classes[tensorClass];
    const add = (label: string, bytes: number): void => {
      report.dtypes[label] = (report.dtypes[label] ?? 0) + bytes;
      report.bytes += bytes;
    };
    report.weights += elementCount(shape);
    const values = tensors.get(name);
    const scales = kind === 'linear' ? tensors.get(scalesName(name)) : undefined;
    const offsets = kind === 'linear' ? tensors.get(offsetsName(name)) : undefined;
    if (values) add(offsets ? 'q4k' : codeKind(values, shape), values.bytes);
    if (scales) add(`${scales.dtype === 'U8' ? 'e4m4' : scales.dtype} scales`, scales.bytes);
    if (offsets) add(`${offsets.dtype} offsets`, offsets.bytes);
  }
}

/** U8 is [N, blocks, bytes of a block of 32]; `q4m` has more blocks than the inputs need. */
function codeKind({ dtype, shape: stored }: TensorInfo, shape: readonly number[]): string {
  if (dtype !== 'U8') return dtype;
  if (stored[2] === QUANT_BLOCK) return 'q8';
  return stored[1]! * QUANT_BLOCK > shape[1]! ? 'q4m' : 'q4';
}
