import { afterAll, describe, expect, it } from 'vitest';
import { halfKernelCases, kernelCases } from './kernel-cases.ts';
import { createNodeBackend } from './node.ts';

/** float32 sums in another order than our float64 loops; measured at most 1e-6 on x86. */
const RELATIVE = 1e-5;

describe('the known answers', async () => {
  const backend = await createNodeBackend({ threads: 1 });
  const stage = await backend.openStage('kernels');
  afterAll(() => backend.dispose());

  // Oracle: onnxruntime-node 1.30.0 on the CPU, which shares no code with the loops. In halves it
  // rounds what goes in and out of the kernel, as far as it computes in halves at all; the
  // self-test's own tolerance holds.
  for (const { kernel, graph, feeds, answer, tolerance } of [...kernelCases(), ...halfKernelCases()]) {
    it(`${kernel}: our loop agrees with onnxruntime's CPU kernel`, async () => {
      const session = await stage.session(kernel, async () => graph());
      const { y } = await stage.run(session, feeds);
      const got = await stage.read(y!);
      const want = answer();
      const largest = want.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      const error = want.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0);
      expect(got).toHaveLength(want.length);
      expect(error / largest, `max error ${error} of ${largest}`).toBeLessThan(
        kernel.endsWith('in halves') ? tolerance : RELATIVE,
      );
    });
  }
});
