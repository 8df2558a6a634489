import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../safetensors/safetensors.ts';
import { bytesSource } from '../sources/byte-source.ts';
import type { Dtype } from './dtype.ts';
import { isRoundable, roundToF32, widen } from './widen.ts';

const FP8 = new URL('../../../../test/fixtures/formats/fp8.safetensors', import.meta.url);

describe('widen', () => {
  it('reads little-endian F32, F16 and BF16 from any offset', () => {
    const at1 = (bytes: number[]) => Uint8Array.from([9, ...bytes]).subarray(1);
    expect([...widen('F32', at1([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]))]).toEqual([1, -2]);
    expect([...widen('F16', at1([0, 0x3c, 0, 0xc0]))]).toEqual([1, -2]);
    expect([...widen('BF16', at1([0x80, 0x3f, 0, 0xc0]))]).toEqual([1, -2]);
  });

  it.each(['F8_E4M3', 'F8_E5M2'] as const)(
    'reads every code of %s as torch does, signs of zero included',
    async (dtype) => {
      const expected = await readSafetensors(bytesSource(readFileSync(FP8), 'fp8'));
      const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
      // toEqual tells −0 from 0 and takes NaN for NaN.
      expect(widen(dtype, codes)).toEqual(widen('F32', await expected.read(dtype)));
    },
  );

  it.each(['F64', 'I64', 'U8', 'BOOL', 'F8_E8M0', 'F8_E4M3FNUZ'] satisfies Dtype[])('refuses %s by name', (dtype) => {
    const message = `must be of F32, F16, BF16, F8_E4M3, F8_E5M2 to be read as float32, got ${dtype}`;
    expect(() => widen(dtype, new Uint8Array(8))).toThrow(message);
  });
});

describe('roundToF32', () => {
  const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer);
  const at1 = (bytes: Uint8Array) => Uint8Array.from([9, ...bytes]).subarray(1);

  it.each<[Dtype, ArrayBufferView, number[]]>([
    ['F64', Float64Array.of(0.1, -1e300, -0), [Math.fround(0.1), Number.NEGATIVE_INFINITY, -0]],
    ['I64', BigInt64Array.of(-1n, 2n ** 53n + 1n), [-1, 2 ** 53]],
    ['U64', BigUint64Array.of(2n ** 64n - 1n), [2 ** 64]],
    ['I32', Int32Array.of(-5, 16_777_217), [-5, 16_777_216]],
    ['U32', Uint32Array.of(4_294_967_295), [2 ** 32]],
    ['I16', Int16Array.of(-32_768), [-32_768]],
    ['U16', Uint16Array.of(65_535), [65_535]],
    ['I8', Int8Array.of(-128, 127), [-128, 127]],
    ['U8', Uint8Array.of(0, 255), [0, 255]],
    ['BOOL', Uint8Array.of(0, 1), [0, 1]],
    ['F16', Uint16Array.of(0x3c00), [1]],
  ])('gives the nearest float32 of %s, from any offset', (dtype, array, expected) => {
    expect(roundToF32(dtype, at1(bytesOf(array)))).toEqual(Float32Array.from(expected));
  });

  it('is not for what is no number, or has no one layout', () => {
    expect((['C64', 'F4', 'F8_E8M0'] satisfies Dtype[]).filter(isRoundable)).toEqual([]);
    expect(() => roundToF32('C64', new Uint8Array(8))).toThrow('got C64');
  });
});
