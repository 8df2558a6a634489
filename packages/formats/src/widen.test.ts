import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytesSource } from './byte-source.ts';
import type { Dtype } from './dtype.ts';
import { readSafetensors } from './safetensors.ts';
import { widen } from './widen.ts';

const FP8 = new URL('../../../test/fixtures/formats/fp8.safetensors', import.meta.url);

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
    const message = `expected a tensor of F32, F16, BF16, F8_E4M3, F8_E5M2, got ${dtype}`;
    expect(() => widen(dtype, new Uint8Array(8))).toThrow(message);
  });
});
