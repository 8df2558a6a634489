import { readFile } from 'node:fs/promises';
import type { BlockClass } from '@flux-srpo/core';
import {
  bytesSource,
  dequantize,
  f16ToF32,
  f32ToF16,
  GGML_TYPES,
  type GgmlTypeName,
  readGguf,
  readSafetensors,
} from '@flux-srpo/formats';
import { describe, expect, it } from 'vitest';
import { dequantizeQ4, dequantizeQ4k, dequantizeQ8 } from '../../../../test/support/dequantize.ts';
import { relativeRms } from '../../../../test/support/relative-rms.ts';
import { canHold, KeptBlocks } from './ggml-blocks.ts';
import { type OffsetBlocks, offsetDtype } from './offset-blocks.ts';

/**
 * Random blocks of each type, and the numbers that the gguf package makes of them
 * (test/reference/gguf_vectors.py).
 */
async function fixture(name: string) {
  const url = new URL(`../../../../test/fixtures/formats/${name}`, import.meta.url);
  return bytesSource(new Uint8Array(await readFile(url)), name);
}

function inHalves(numbers: Float32Array): Float32Array {
  return f16ToF32(f32ToF16(numbers));
}

/**
 * Every byte value as a pair of codes and as a signed code, scales from half's subnormals to its
 * largest.
 */
function everyCode(blockBytes: number, scales: number[], count = 32): Uint8Array {
  const blocks = Uint8Array.from({ length: count * blockBytes }, (_, i) => (i * 167 + (i >> 8)) & 255);
  for (let block = 0; block < count; block++) {
    const bits = scales[block % scales.length]!;
    blocks.set([bits & 255, bits >> 8], block * blockBytes);
  }
  return blocks;
}

function keep(
  blockClass: BlockClass,
  type: GgmlTypeName,
  shape: readonly [number, number],
  rows: Uint8Array,
  rowLength = shape[1],
  from = 0,
): KeptBlocks {
  const kept = new KeptBlocks(blockClass, type, shape);
  kept.add(rows, rowLength, from);
  return kept;
}

const SCALES = [0x3c00, 0xbc00, 0x0001, 0x7bff, 0x8400, 0x0000, 0x2e66];

describe('ggml blocks taken over', () => {
  it.each([
    ['Q4_0', 18, 'q4', dequantizeQ4],
    ['Q4_0', 18, 'q8', dequantizeQ8],
    ['Q5_0', 22, 'q8', dequantizeQ8],
    ['Q8_0', 34, 'q8', dequantizeQ8],
  ] as const)('%s of %i bytes mean the same numbers as %s', (type, blockBytes, blockClass, dequantizeBlocks) => {
    const blocks = everyCode(blockBytes, SCALES);
    const { codes, scales, offsets } = keep(blockClass, type, [32, 32], blocks);
    expect(scales).toEqual(Uint16Array.from({ length: 32 }, (_, i) => SCALES[i % SCALES.length]!));
    expect(offsets).toBeUndefined();
    expect(dequantizeBlocks(codes, f16ToF32(scales as Uint16Array))).toEqual(dequantize(type, blocks));
  });

  it.each(['Q4_1', 'Q4_K'] as const)('%s keep every code, and mean the numbers of the gguf package', async (type) => {
    const source = await fixture('ggml.gguf');
    const { offset, bytes } = (await readGguf(source)).tensors.get(type)!;
    const numbers = await (await readSafetensors(await fixture('ggml.safetensors'))).read(type);
    const expected = new Float32Array(numbers.slice().buffer);
    // One row, so that offsets are in the order of blocks.
    const blocks = keep('q4k', type, [1, expected.length], await source.read(offset, bytes)) as OffsetBlocks;
    const { scales, offsets } = blocks;
    // In float32, but for the half range that goes from the scale into the offset and back.
    expect(relativeRms(dequantizeQ4k(blocks, expected.length), expected)).toBeLessThan(1e-7);
    // As stored. 4 bits themselves change weights by 0.07 of their size: a hundredth of that is the
    // most.
    const rounded = { ...blocks, scales: inHalves(scales), offsets: inHalves(offsets) };
    expect(relativeRms(dequantizeQ4k(rounded, expected.length), expected)).toBeLessThan(4e-4);
  });

  it.each([
    ['q4m', 'Q4_0'],
    ['q8', 'Q5_0'],
    ['q8', 'Q8_0'],
    ['q4k', 'Q4_0'],
    ['q4k', 'Q4_1'],
    ['q4k', 'Q4_K'],
  ] as const)(
    'are in %s of %s the same in pieces of rows, and of columns what the whole has there',
    (blockClass, type) => {
      const [rows, columns, from, to] = [48, 512, 160, 416];
      const { length, bytes } = GGML_TYPES[type];
      const file = everyCode(bytes, SCALES.slice(0, 3), (rows * columns) / length);
      const rowBytes = file.length / rows;
      const whole = keep(blockClass, type, [rows, columns], file);
      const parts = new KeptBlocks(blockClass, type, [rows, columns]);
      for (const [first, last] of [
        [0, 1],
        [1, 30],
        [30, 48],
      ] as const) {
        parts.add(file.subarray(first * rowBytes, last * rowBytes), columns, 0);
      }
      const tensors = ({ codes, scales, offsets }: KeptBlocks) => ({ codes, scales, offsets });
      expect(tensors(parts)).toEqual(tensors(whole));
      const inUsed = new KeptBlocks(blockClass, type, [rows, columns], (size) => new Uint8Array(size).fill(0xa5));
      inUsed.add(file, columns, 0);
      expect(tensors(inUsed), 'in memory with old bytes').toEqual(tensors(whole));

      const cut = keep(blockClass, type, [rows, to - from], file, columns, from);
      for (const [name, perBlock] of [
        ['codes', blockClass === 'q8' ? 32 : 16],
        ['scales', 1],
      ] as const) {
        const ofRow = (kept: KeptBlocks, row: number, block: number) => {
          const start = (row * kept[name].length) / rows + block * perBlock;
          return kept[name].slice(start, start + ((to - from) / 32) * perBlock);
        };
        for (let row = 0; row < rows; row++) expect(ofRow(cut, row, 0)).toEqual(ofRow(whole, row, from / 32));
      }
      expect(cut.offsets).toEqual(whole.offsets?.slice((from / 32) * rows, (to / 32) * rows));
    },
  );

  it('are kept where a class holds their codes', () => {
    const kept = (blockClass: BlockClass) =>
      (['Q4_0', 'Q5_0', 'Q8_0', 'Q4_1', 'Q5_1', 'Q3_K', 'Q4_K', 'Q6_K', 'F16'] as const).filter((type) =>
        canHold(blockClass, type),
      );
    expect(kept('q8')).toEqual(['Q4_0', 'Q5_0', 'Q8_0']);
    expect(kept('q4')).toEqual(['Q4_0']);
    expect(kept('q4m')).toEqual(['Q4_0']);
    expect(kept('q4k')).toEqual(['Q4_0', 'Q4_1', 'Q4_K']);
  });
});

describe('scales and offsets', () => {
  const blocks = (size: number, exceptions: number[] = []): OffsetBlocks => ({
    codes: new Uint8Array(16 * 64),
    scales: Float32Array.from({ length: 64 }, (_, i) => exceptions[i] ?? size * (1 + i / 50)),
    offsets: Float32Array.from({ length: 64 }, (_, i) => size * (i - 31)),
  });

  it('are halves unless weights would change by more than 4 bits can spare', () => {
    expect(offsetDtype(blocks(0.003))).toBe('F16');
    // A block that is nearly zero may be rounded to a whole number of 2⁻²⁴.
    expect(offsetDtype(blocks(0.003, [1e-7, 0]))).toBe('F16');
    expect(offsetDtype(blocks(1e-7))).toBe('F32');
    expect(offsetDtype(blocks(1e5))).toBe('F32');
  });
});
