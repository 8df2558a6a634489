import { f } from '../fround.ts';
import { cephesLn, cephesSinCos } from './cephes.ts';
import { Mt19937 } from './mt19937.ts';

/**
 * Gaussian noise equal to `torch.randn` on an x86 CPU with AVX2, bit for bit: a seed gives the same
 * picture here as in diffusers.
 *
 * ARM builds of PyTorch and CUDA generators give other noise; so do bfloat16 draws of PyTorch
 * before 2.13.
 * @see https://github.com/pytorch/pytorch/blob/v2.13.0/aten/src/ATen/native/cpu/DistributionTemplates.h `normal_fill_AVX2`, `normal_kernel`
 */

const TWO_PI = f(2 * Math.PI);

/** Numbers of a vectorised block: eight radii, eight angles. */
const BLOCK = 16;

/**
 * `torch.randn(count, generator=torch.Generator().manual_seed(seed))`, float32.
 * @param seed 0 … 2^53 − 1, or a bigint 0 … 2^64 − 1. Only the low 32 bits count: PyTorch's engine
 *   drops the rest.
 * @throws RangeError for any other seed
 */
export function torchRandn(seed: number | bigint, count: number): Float32Array<ArrayBuffer> {
  const isValid = typeof seed === 'bigint' ? seed >= 0n && seed < 1n << 64n : Number.isSafeInteger(seed) && seed >= 0;
  if (!isValid) throw new RangeError(`a seed must be an integer from 0 to 2^53 - 1, got ${seed}`);
  const generator = new Mt19937(Number(BigInt(seed) & 0xffffffffn));
  const out = new Float32Array(count);
  if (count < BLOCK) fillSmall(out, generator);
  else fillBlocks(out, generator);
  return out;
}

/**
 * Sixteen or more numbers: all uniforms first, then Box–Muller in blocks. Where a block is left
 * incomplete, sixteen new uniforms replace the last sixteen numbers.
 */
function fillBlocks(out: Float32Array, generator: Mt19937): void {
  for (let i = 0; i < out.length; i++) out[i] = uniform24(generator);
  for (let start = 0; start + BLOCK <= out.length; start += BLOCK) boxMullerBlock(out, start);
  if (out.length % BLOCK === 0) return;
  const start = out.length - BLOCK;
  for (let i = start; i < out.length; i++) out[i] = uniform24(generator);
  boxMullerBlock(out, start);
}

function uniform24(generator: Mt19937): number {
  return (generator.random32() & 0xffffff) * 2 ** -24;
}

const angle = { sin: 0, cos: 0 };

function boxMullerBlock(values: Float32Array, start: number): void {
  for (let j = start; j < start + BLOCK / 2; j++) {
    const u1 = f(1 - values[j]!); // (0, 1], so that the logarithm is finite
    const u2 = values[j + BLOCK / 2]!;
    const radius = f(Math.sqrt(f(-2 * cephesLn(u1))));
    cephesSinCos(f(TWO_PI * u2), angle);
    values[j] = f(radius * angle.cos);
    values[j + BLOCK / 2] = f(radius * angle.sin);
  }
}

/** Fewer than sixteen: Box–Muller in float64, a pair at a time. */
function fillSmall(out: Float32Array, generator: Mt19937): void {
  for (let i = 0; i < out.length; i += 2) {
    const theta = 2 * Math.PI * generator.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-generator.uniform53()));
    out[i] = radius * Math.cos(theta);
    if (i + 1 < out.length) out[i + 1] = radius * Math.sin(theta);
  }
}
