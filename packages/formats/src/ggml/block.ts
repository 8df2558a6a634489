import { f16Table } from '../numbers/half.ts';

/**
 * Turns whole blocks into numbers.
 *
 * Every step rounds to float32 as ggml's own reference loops do, so the result equals theirs bit
 * for bit where those are compiled without fused multiply-adds; `gguf` for Python is.
 * @param blocks a whole number of blocks
 * @param out as many values as the blocks hold
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-quants.c `dequantize_row_*`
 * @see https://github.com/ggml-org/ggml/blob/d99724f2/src/ggml-common.h `block_*` for the layouts
 */
export type Dequantize = (blocks: Uint8Array, out: Float32Array) => void;

/** How a ggml type lays out a tensor: rows of whole blocks, each with its own scales. */
export interface GgmlType {
  /** ggml's number for it. */
  readonly id: number;
  /** Weights in a block. */
  readonly length: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** Absent where this library cannot read the numbers. */
  readonly dequantize?: Dequantize;
}

/** A type whose blocks `decode` turns into numbers, from byte `at` to number `to`. */
export function blockType(
  id: number,
  length: number,
  bytes: number,
  decode: (blocks: Uint8Array, at: number, out: Float32Array, to: number) => void,
): Required<GgmlType> {
  const dequantize: Dequantize = (blocks, out) => {
    for (let at = 0, to = 0; to < out.length; at += bytes, to += length) decode(blocks, at, out, to);
  };
  return { id, length, bytes, dequantize };
}

/** The little-endian half float at `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return f16Table()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** The little-endian 32-bit word at `at`, as an int32: its bits are what matters. */
export function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
