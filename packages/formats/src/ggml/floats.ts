import { widen } from '../numbers/widen.ts';
import type { GgmlType } from './block.ts';

/** Plain floats, little-endian: blocks of one. */
function plain(id: number, dtype: 'F32' | 'F16' | 'BF16', bytes: number): GgmlType {
  return { id, length: 1, bytes, dequantize: (blocks, out) => out.set(widen(dtype, blocks)) };
}

export const f32 = plain(0, 'F32', 4);
export const f16 = plain(1, 'F16', 2);
export const bf16 = plain(30, 'BF16', 2);
