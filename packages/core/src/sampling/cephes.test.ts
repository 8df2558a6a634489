import { describe, expect, it } from 'vitest';
import { cephesLn, cephesSinCos } from './cephes.ts';

const f = Math.fround;

describe('Cephes functions', () => {
  // Bits are checked through the noise; here: they are the functions they claim to be. Two units in
  // the last place is Cephes' own claim.
  const NEAR = 2 * 2 ** -23;

  it('cephesLn is the natural logarithm on (0, 1]', () => {
    for (let i = 1; i <= 4096; i++) {
      const x = f((i / 4096) ** 3);
      expect(Math.abs(cephesLn(x) - Math.log(x))).toBeLessThanOrEqual(NEAR * Math.max(1, Math.abs(Math.log(x))));
    }
    expect(cephesLn(1)).toBe(0);
  });

  it('cephesSinCos has the right sign and value in all eight octants', () => {
    const out = { sin: 0, cos: 0 };
    for (let i = 0; i <= 4096; i++) {
      const theta = f((i / 4096) * 2 * Math.PI);
      cephesSinCos(theta, out);
      expect(Math.abs(out.sin - Math.sin(theta))).toBeLessThanOrEqual(NEAR);
      expect(Math.abs(out.cos - Math.cos(theta))).toBeLessThanOrEqual(NEAR);
    }
  });
});
