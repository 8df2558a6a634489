/**
 * Bits of one element of each dtype a safetensors file may hold.
 * @see https://github.com/huggingface/safetensors/blob/24b0b28/safetensors/src/tensor.rs `Dtype::bitsize`
 */
export const DTYPE_BITS = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
} as const;

export type Dtype = keyof typeof DTYPE_BITS;

export function isDtype(text: string): text is Dtype {
  return Object.hasOwn(DTYPE_BITS, text);
}

/** Bytes of a tensor, or why it has no whole number of them. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | 'overflow' | 'misaligned' {
  let bits: number = DTYPE_BITS[dtype];
  for (const dim of shape) {
    bits *= dim;
    // Each product is checked: beyond 2^53 it may be rounded to a number that looks right. The
    // reference's checked_mul does so at 2^64.
    if (!Number.isSafeInteger(bits)) return 'overflow';
  }
  return bits % 8 === 0 ? bits / 8 : 'misaligned';
}
