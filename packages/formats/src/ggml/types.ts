import { widen } from '../numbers/widen.ts';
import type { GgmlType } from './block.ts';
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from './blocks-of-32.ts';
import { q2_k, q3_k, q4_k, q5_k, q6_k } from './blocks-of-256.ts';
import { iq4_nl, iq4_xs } from './iq4.ts';

/** Plain floats, little-endian: blocks of one. */
function plain(id: number, dtype: 'F32' | 'F16' | 'BF16', bytes: number): GgmlType {
  return { id, length: 1, bytes, dequantize: (blocks, out) => out.set(widen(dtype, blocks)) };
}

/**
 * Every type that a GGUF file may name. Types without `dequantize` cannot be read as numbers; their
 * sizes suffice to list a file.
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/include/ggml.h `enum ggml_type`
 */
export const GGML_TYPES = {
  F32: plain(0, 'F32', 4),
  F16: plain(1, 'F16', 2),
  BF16: plain(30, 'BF16', 2),
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q5_0: q5_0,
  Q5_1: q5_1,
  Q8_0: q8_0,
  Q2_K: q2_k,
  Q3_K: q3_k,
  Q4_K: q4_k,
  Q5_K: q5_k,
  Q6_K: q6_k,
  Q8_1: { id: 9, length: 32, bytes: 40 },
  Q8_K: { id: 15, length: 256, bytes: 292 },
  IQ2_XXS: { id: 16, length: 256, bytes: 66 },
  IQ2_XS: { id: 17, length: 256, bytes: 74 },
  IQ3_XXS: { id: 18, length: 256, bytes: 98 },
  IQ1_S: { id: 19, length: 256, bytes: 50 },
  IQ4_NL: iq4_nl,
  IQ3_S: { id: 21, length: 256, bytes: 110 },
  IQ2_S: { id: 22, length: 256, bytes: 82 },
  IQ4_XS: iq4_xs,
  I8: { id: 24, length: 1, bytes: 1 },
  I16: { id: 25, length: 1, bytes: 2 },
  I32: { id: 26, length: 1, bytes: 4 },
  I64: { id: 27, length: 1, bytes: 8 },
  F64: { id: 28, length: 1, bytes: 8 },
  IQ1_M: { id: 29, length: 256, bytes: 56 },
  TQ1_0: { id: 34, length: 256, bytes: 54 },
  TQ2_0: { id: 35, length: 256, bytes: 66 },
  MXFP4: { id: 39, length: 32, bytes: 17 },
  NVFP4: { id: 40, length: 64, bytes: 36 },
  Q1_0: { id: 41, length: 128, bytes: 18 },
} as const satisfies Readonly<Record<string, GgmlType>>;

export type GgmlTypeName = keyof typeof GGML_TYPES;

const NAMES = new Map<number, GgmlTypeName>(
  Object.entries(GGML_TYPES).map(([name, { id }]) => [id, name as GgmlTypeName]),
);

/** The name of ggml's type number `id`, if this library knows it. */
export function ggmlTypeName(id: number): GgmlTypeName | undefined {
  return NAMES.get(id);
}
