import { describe, expect, it } from 'vitest';
import { packLatents } from '../picture/latents.ts';
import { Mt19937 } from './mt19937.ts';
import { fluxNoise } from './noise.ts';
import { torchRandn } from './torch-randn.ts';

/** Float32 bits in hex, as the vectors were dumped. */
function hex(values: Float32Array): string {
  return Array.from(new Uint32Array(values.slice().buffer), (bits) => bits.toString(16).padStart(8, '0')).join(' ');
}

// torch.manual_seed(seed); torch.randn(count) — torch 2.13.0+cpu with AVX2 or AVX-512; every bit
describe('torchRandn', () => {
  it('equals torch in blocks of sixteen', () => {
    expect(hex(torchRandn(42, 16))).toBe(
      '3ff6a529 3fbe5f53 3f669567 c006c0db 3f2dacd5 bf9e0591 bd306786 bfcd65ba bf408bf0 3fd3095b bec8f2f6 bfb3a966 bf3a566e bf0f36d1 bf44d2a0 3f432f9f',
    );
    const large = torchRandn(1234, 16 * 64 * 64);
    expect(hex(large.subarray(0, 8))).toBe('bde4ccb4 befe410f 3e26fccb bf61b64a 3d5cc673 3f2b1a8a bd745b89 beef5be4');
    expect(hex(large.subarray(-4))).toBe('3c7b85b7 3e8bdc36 bf613d4c bebb3d92');
  });

  it('equals torch where a ragged end draws a fresh block over the last sixteen', () => {
    expect(hex(torchRandn(42, 17))).toBe(
      '3ff6a529 be236d85 befeaae4 3ee111d8 bf4214e2 3f8a0650 3f4d0144 3fd71e93 3eb63345 3fa5f12f 3f1c4788 3faad8b0 be6d2eed 3d2b0c00 be80ce7a 3f5c1fb0 be9e9482',
    );
    expect(hex(torchRandn(42, 40).subarray(-4))).toBe('3f96e7dd bede70cf bfb1746d bfa4a2b6');
  });

  it('equals torch below sixteen, where it draws pairs in float64', () => {
    expect(hex(torchRandn(42, 7))).toBe('3eac62ae 3e03e69d 3e7016e7 3e6bdc6c bf8fb9c2 be3eccd8 400d532c');
    expect(hex(torchRandn(0, 6))).toBe('3fc53f5c be963c50 c00b7149 3f1184b6 bf8ad1a1 bfb3052d');
    expect(hex(torchRandn(42, 1))).toBe('3eac62ae');
    expect(torchRandn(42, 0)).toHaveLength(0);
  });

  it.each([
    [0, 'bf901b85 bf93808a be804bd6 bede255d'],
    [1, 'bfc346ba bf400f31 bf276b4b bfce0399'],
    [2 ** 32 - 1, 'c02a83da bf8ba77b 3ee7241e 3e69d763'],
    [123456789012345, 'be9d7360 c01a5238 bc9f86fe bf08801a'],
    [Number.MAX_SAFE_INTEGER, 'c02a83da bf8ba77b 3ee7241e 3e69d763'],
  ])('equals torch for seed %i', (seed, expected) => {
    expect(hex(torchRandn(seed, 4096).subarray(0, 4))).toBe(expected);
  });

  it('takes seeds modulo 2^32, as torch does', () => {
    expect(torchRandn(2 ** 32 + 42, 32)).toEqual(torchRandn(42, 32));
    expect(torchRandn((1n << 63n) + 42n, 32)).toEqual(torchRandn(42, 32));
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -1n, 1n << 64n])('refuses the seed %s', (seed) => {
    expect(() => torchRandn(seed, 16)).toThrow(RangeError);
  });
});

describe('Mt19937', () => {
  // numpy.random.RandomState(0).randint(2**32, size=6, dtype='uint32'), the same engine and seeding
  it('draws what the reference engine draws', () => {
    const generator = new Mt19937(0);
    const draws = Array.from({ length: 6 }, () => generator.random32());
    expect(draws).toEqual([2357136044, 2546248239, 3071714933, 3626093760, 2588848963, 3684848379]);
  });
});

describe('fluxNoise', () => {
  const grid = { height: 4, width: 6 };

  // FluxPipeline._pack_latents(torch.randn(2, 16, 4, 6), 2, 16, 4, 6), seed 5 — torch 2.13.0,
  // diffusers 0.42.1
  it('packs one draw for all pictures', () => {
    const noise = fluxNoise(5, 2, grid);
    expect(hex(noise.subarray(0, 4))).toBe('3febd177 3f04d5ca be05dacf bfb7fd2d');
    const secondPicture = noise.subarray(6 * 64);
    expect(hex(secondPicture.subarray(4 * 64, 4 * 64 + 6))).toBe(
      '3e0f8d4a 3e8aba04 bf1cfe75 be4eac0a 3e6f94cf 3fde6a83',
    );
  });

  it('gives the first of two pictures the noise of one alone, and the second other noise', () => {
    const both = fluxNoise(7, 2, grid);
    const alone = fluxNoise(7, 1, grid);
    expect(both.subarray(0, alone.length)).toEqual(alone);
    expect(both.subarray(alone.length)).not.toEqual(alone);
    expect(alone).toEqual(packLatents(torchRandn(7, 16 * 4 * 6), 16, grid));
  });
});
