import { createHash } from 'node:crypto';
import { f32ToF16, GGML_TYPES } from '@flux-srpo/formats';

export type BlockType = 'Q4_1' | 'Q4_K' | 'IQ4_NL' | 'IQ4_XS';

/**
 * Random blocks of numbers around 0 whose deviation is about `std`, row after row: the bytes that
 * test/reference/variants.py makes from the same name.
 */
export function ggmlBlocks(name: string, shape: readonly number[], std: number, type: BlockType): Uint8Array {
  const { length, bytes: size } = GGML_TYPES[type];
  const bytes = hashed(name, (shape.reduce((product, dim) => product * dim, 1) / length) * size);
  for (let at = 0; at < bytes.length; at += size) HEADS[type](bytes.subarray(at, at + size), std);
  return bytes;
}

/** Sets a block's halves, and what keeps its numbers around 0. */
const HEADS: Readonly<Record<BlockType, (block: Uint8Array, std: number) => void>> = {
  Q4_1(block, std) {
    const d = power(std / 4.61);
    setHalves(block, d, -7.5 * d);
  },
  Q4_K(block, std) {
    const d = power(std / 4.61 / 36);
    setHalves(block, d, 7.5 * d);
    block.copyWithin(8, 4, 8);
    for (let i = 12; i < 16; i++) block[i] = (block[i]! & 15) * 17;
  },
  IQ4_NL: (block, std) => setHalves(block, power(std / 75)),
  IQ4_XS: (block, std) => setHalves(block, power(std / 75 / 18.5)),
};

/** SHA-256 of "name/0", "name/1", … in a row. */
function hashed(name: string, length: number): Uint8Array {
  const bytes = Buffer.alloc(Math.ceil(length / 32) * 32);
  for (let i = 0; i * 32 < length; i++) {
    createHash('sha256')
      .update(`${name}/${i}`)
      .digest()
      .copy(bytes, i * 32);
  }
  return bytes.subarray(0, length);
}

/** The nearest power of two, which a half holds. */
function power(value: number): number {
  return 2 ** Math.floor(Math.log2(value) + 0.5);
}

function setHalves(block: Uint8Array, ...values: number[]): void {
  const halves = f32ToF16(Float32Array.from(values));
  block.set(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength));
}
