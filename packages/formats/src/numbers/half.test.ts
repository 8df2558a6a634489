import { describe, expect, it } from 'vitest';
import { f32ToBf16 } from '../../../../test/support/bf16.ts';
import { bf16ToF32, f16ToF32, f32ToF16 } from './half.ts';

const hex = (bits: Uint16Array) => Array.from(bits, (value) => value.toString(16).padStart(4, '0')).join(' ');

// torch 2.13.0: torch.tensor(values).half() and .bfloat16(), as bits
const VALUES = new Float32Array([
  0,
  -0,
  1,
  65504,
  65519.99609375,
  65520,
  9.99999993922529e-9,
  2 ** -24,
  2.9802322387695312e-8,
  2.980232594040899e-8,
  6.103515625e-5,
  6.097555160522461e-5,
  1.00048828125,
  1.00146484375,
  0.10000000149011612,
  -3.1415927410125732,
  1.0000000150474662e30,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]);

describe('float16', () => {
  it('narrows as torch does: ties to even, subnormals kept, too large to infinity', () => {
    expect(hex(f32ToF16(VALUES))).toBe(
      '0000 8000 3c00 7bff 7bff 7c00 0000 0001 0000 0001 0400 03ff 3c00 3c02 2e66 c248 7c00 7c00 fc00',
    );
  });

  it('comes back the same from float32 for all 65,536 bit patterns', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const back = f32ToF16(f16ToF32(all));
    for (let i = 0; i < 65536; i++) {
      const isNaN16 = (i & 0x7fff) > 0x7c00;
      expect(back[i], i.toString(16)).toBe(isNaN16 ? (i & 0x8000 & back[i]!) | 0x7e00 : i);
    }
  });

  it('rounds every value between two neighbours to the nearer, and the middle to the even one', () => {
    for (let bits = 0; bits < 0x7bff; bits += 7) {
      const [low, high] = f16ToF32(Uint16Array.of(bits, bits + 1)) as unknown as [number, number];
      const middle = (low + high) / 2; // exact in float32
      const quarter = (high - low) / 4;
      const rounded = [...f32ToF16(new Float32Array([middle - quarter, middle, middle + quarter]))];
      expect(rounded).toEqual([bits, bits + (bits % 2), bits + 1]);
    }
  });
});

describe('bfloat16', () => {
  it('narrows as torch does', () => {
    expect(hex(f32ToBf16(VALUES))).toBe(
      '0000 8000 3f80 4780 4780 4780 322c 3380 3300 3300 3880 3880 3f80 3f80 3dcd c049 714a 7f80 ff80',
    );
    // Ties to even, and past the largest value to infinity.
    const edges = new Float32Array([1.00390625, 1.01171875, 3.3895314e38, 3.4028235e38]);
    expect(hex(f32ToBf16(edges))).toBe('3f80 3f82 7f7f 7f80');
  });

  it('keeps NaN a NaN where rounding its bits up would make it infinity or zero', () => {
    const nans = new Float32Array(new Uint32Array([0x7f800001, 0x7fffffff, 0xffffffff]).buffer);
    expect([...bf16ToF32(f32ToBf16(nans))].every(Number.isNaN)).toBe(true);
    expect([...f16ToF32(f32ToF16(nans))].every(Number.isNaN)).toBe(true);
  });
});
