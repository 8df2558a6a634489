import { quantizeQ4m, quantizeQ8 } from '@flux-srpo/export';
import { bytesSource, e4m4ToF32, f16ToF32, f32ToF16 } from '@flux-srpo/formats';
import type { Bundle } from '@flux-srpo/runtime';
import { dequantizeQ4m, dequantizeQ8 } from '../../support/dequantize.ts';

/** The parts whose linear layers `--dtype q4m` stores in 4 bits (recipe.ts), except T5's `wo`. */
const FOUR_BIT_PARTS = /^(double_block|single_block|modulation|t5_layer)\./;

/**
 * A q8 bundle with half scales whose linear weights carry the rounding of `q4m`. Where that class
 * has 4 bits, each weight is dequantized, quantized to blocks with offsets, dequantized, and stored
 * as q8 again. The last step adds little: 0.005 of the weights' RMS, beside 0.07. The graphs are
 * those of q8.
 */
export function requantizedBundle(bundle: Bundle): Bundle {
  const partOf = new Map(bundle.manifest.parts.map(({ name, weights }) => [weights, name]));
  return {
    ...bundle,
    async source(path) {
      const source = await bundle.source(path);
      const part = partOf.get(path);
      if (part === undefined || !FOUR_BIT_PARTS.test(part)) return source;
      const stored = await bundle.weights(part);
      const file = (await source.read(0, source.size)).slice();
      for (const [name, { dtype, shape, offset }] of stored.tensors) {
        if (dtype !== 'U8' || name === 'wo.weight') continue;
        const scalesName = name.replace(/weight$/, 'scales');
        const halves = new Uint16Array((await stored.read(scalesName)).slice().buffer);
        const rows = dequantizeQ8(await stored.read(name), f16ToF32(halves));
        const inFeatures = shape[1]! * shape[2]!;
        const four = quantizeQ4m(rows, inFeatures);
        const rounded = dequantizeQ4m(four.codes, e4m4ToF32(four.scales), inFeatures);
        const eight = quantizeQ8(rounded, true);
        file.set(eight.codes, offset);
        file.set(new Uint8Array(f32ToF16(eight.scales).buffer), stored.info(scalesName).offset);
      }
      const requantized = bytesSource(file, path);
      return {
        ...requantized,
        lend: async (offset, length, use) => use(await requantized.read(offset, length)),
      };
    },
  };
}
