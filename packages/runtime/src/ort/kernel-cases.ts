import type { HostTensor } from './backend.ts';
import { kernelGraph } from './kernel-graph.ts';
import * as ask from './kernel-questions.ts';

/** One question whose answer is known. */
export interface KernelCase {
  readonly kernel: string;
  /** Largest error allowed, relative to the largest value of the answer. */
  readonly tolerance: number;
  graph(): Uint8Array;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  answer(): Float32Array;
}

/**
 * float32 kernels were measured at 7e-7 or less (SwiftShader, 2026-11), the wrong one at 0.76;
 * float16 accumulators would be near 1e-3. 1e-4 tells them apart.
 */
const TOLERANCE = 1e-4;

/**
 * float16 kernels also add in float16: over 256 products that is an error near 1e-3 of the largest
 * value. A wrong kernel is off by more than a tenth.
 */
const HALF_TOLERANCE = 1e-2;

/** The answer is for float32 inputs; in half precision the tolerance covers rounding them. */
function kernelCase({ kernel, node, feeds, dims, answer }: ask.Question, isHalf: boolean): KernelCase {
  let known: Float32Array | undefined;
  return {
    kernel: isHalf ? `${kernel} in halves` : kernel,
    tolerance: isHalf ? HALF_TOLERANCE : TOLERANCE,
    graph: () => kernelGraph({ ...node, isHalf }, feeds, dims),
    feeds,
    answer: () => {
      // Kept, because each rung of the ladder asks for it again and plain loops are slow.
      known ??= answer();
      return known;
    },
  };
}

/**
 * Every kernel family of the model, at its tile shapes: enough rows and columns for the tiled
 * variants (M ≥ 64, N a multiple of 64, K ≥ 128), and sizes that are no multiple of a tile.
 * Costliest last: the first wrong answer ends the test.
 */
export function kernelCases(): KernelCase[] {
  return [
    ask.attention(2, 128, 96, 160), // prefill tile, cross lengths
    ask.attention(3, 32, 77, 77), // prefill, small heads, odd length
    ask.attention(2, 128, 16, 200), // under 32 queries: the split-reduce kernels
    ask.quantizedLinear(4, 70, 256, 128),
    ask.quantizedLinear(8, 64, 256, 64),
    ask.quantizedLinear(4, 1, 256, 128), // one row: the GEMV kernels, as modulation uses them
    ask.linear(),
    ask.layerNorm(),
    ask.rmsNorm(),
    ask.rotary(),
    ask.blockSums(),
    ask.pad(),
    ask.concat(),
    ask.instanceNorm(),
    ask.convolution(),
  ].map((question) => kernelCase(question, false));
}

/** The kernels that graphs in half precision use. */
export function halfKernelCases(): KernelCase[] {
  return [
    ask.attention(2, 128, 96, 160),
    ask.attention(3, 32, 77, 77),
    ask.quantizedLinear(4, 70, 256, 128),
    ask.quantizedLinear(8, 64, 256, 64),
    ask.linear(),
    ask.rmsNorm(),
    ask.rotary(),
    ask.gelu(),
    ask.blockSums(),
    ask.pad(),
    ask.concat(),
  ].map((question) => kernelCase(question, true));
}
