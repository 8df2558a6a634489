import type { HostTensor, Stage } from './backend.ts';
import { kernelGraph } from './kernel-graph.ts';
import * as ask from './kernel-questions.ts';
import { HALF_TOLERANCE, type SelfTestCase } from './self-test-case.ts';

/** One kernel, asked what a loop in JavaScript knows. */
export interface KernelCase extends SelfTestCase {
  graph(): Uint8Array;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  answer(): Float32Array;
}

/**
 * float32 kernels were measured at 7e-7 or less (SwiftShader, 2026-11), the wrong one at 0.76;
 * float16 accumulators would be near 1e-3. 1e-4 tells them apart.
 */
const TOLERANCE = 1e-4;

/** The answer is for float32 inputs; in half precision the tolerance covers rounding them. */
function kernelCase({ kernel, node, feeds, dims, answer }: ask.Question, isHalf: boolean): KernelCase {
  const name = isHalf ? `${kernel} in halves` : kernel;
  const graph = (): Uint8Array => kernelGraph({ ...node, isHalf }, feeds, dims);
  let known: Float32Array | undefined;
  const knownAnswer = (): Float32Array => {
    // Kept, because each rung of the ladder asks for it again and plain loops are slow.
    known ??= answer();
    return known;
  };
  return {
    kernel: name,
    tolerance: isHalf ? HALF_TOLERANCE : TOLERANCE,
    graph,
    feeds,
    answer: knownAnswer,
    async ask(stage: Stage) {
      const session = await stage.session(name, async () => graph());
      const { y } = await stage.run(session, feeds);
      return { got: await stage.read(y!), want: knownAnswer() };
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

/**
 * Kernels of half precision where halves can overflow, or where a fault was seen. What else a
 * model's graphs use is asked by `twinCases`.
 */
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
  ].map((question) => kernelCase(question, true));
}
